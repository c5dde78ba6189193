/* SPDX-License-Identifier: MIT */
/* The local APIC, as far as needed to send an NMI to another CPU (SDM vol. 3, APIC chapter). */
#ifndef HADAL_X86_APIC_H
#define HADAL_X86_APIC_H

#include <stdint.h>

/* Physical address of the memory-mapped registers. */
uint64_t apic_base(void);
/* This CPU's APIC ID. */
uint32_t apic_id(void);
void apic_send_nmi(uint32_t id);
/* The local vector table's entry for performance counters. */
uint32_t apic_lvt_counters(void);

#endif
