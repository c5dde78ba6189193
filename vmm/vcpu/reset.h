/* SPDX-License-Identifier: MIT */
#ifndef HADAL_VCPU_RESET_H
#define HADAL_VCPU_RESET_H

#include "vcpu/vcpu.h"

/*
 * The guest goes on as after INIT and a SIPI: in real mode at vector * 4096. Breakpoints of others
 * in its debug registers are gone; vcpu_follow() puts them back.
 */
void vcpu_start_from_sipi(struct vcpu *vcpu, uint8_t vector);

#endif
