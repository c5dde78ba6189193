/* SPDX-License-Identifier: MIT */
/*
 * INIT and SIPI between vCPUs, where the processor would leave the image by them: the sender's
 * write to its interrupt command register exits, and is made a message to the vCPU that it is for.
 * That one waits in the image for its SIPI, and then goes on as after a reset (SDM vol. 3, 10.4.3;
 * APM vol. 2, 16.5).
 */
#ifndef HADAL_CPUS_STARTUP_H
#define HADAL_CPUS_STARTUP_H

#include "vcpu/vcpu.h"

/*
 * The guest has written to the command register: its two halves, in the format of x2APIC or of the
 * memory-mapped registers. True when that was INIT or SIPI, which is done then, also to processors
 * that are not under Hadal: they get nothing. False: it is the APIC's.
 */
bool startup_send(struct vcpu *vcpu, uint32_t low, uint32_t high, bool x2apic);

/* REQUEST_START, before an entry: wait for the SIPI, and start there. */
void startup_serve(struct vcpu *vcpu);

#endif
