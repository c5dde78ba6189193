/* SPDX-License-Identifier: MIT */
/*
 * The guest's writes to its local APIC, where INIT and SIPI would take a processor away from the
 * image (cpus/startup.h): the page of the memory-mapped registers is read-only to the guest, and
 * writes to x2APIC's command register exit.
 */
#ifndef HADAL_EXIT_APIC_H
#define HADAL_EXIT_APIC_H

#include "vcpu/vcpu.h"

/* Once, when no CPU is to leave by an INIT: from now on they exit. 0, -ENOMEM, -ENOSPC. */
int apic_watch(void);
/* On each CPU, before it enters the guest. */
void apic_watch_cpu(struct vcpu *vcpu);

/* Whether a write to this address that exits is one to the APIC's page. */
bool apic_is_watched(uint64_t gpa);
/* Whether the guest would move its APIC to where nobody watches it. */
bool apic_escapes(uint64_t apic_base);

/* A write to the page: done, as far as it is the APIC's. */
enum verdict apic_page_write(struct vcpu *vcpu);
/* A write to x2APIC's command register: true when nothing is left to be done. */
bool apic_command_write(struct vcpu *vcpu, uint64_t value);

#endif
