/* SPDX-License-Identifier: MIT */
/* The local APIC, as far as needed to send an NMI to another CPU (SDM vol. 3, APIC chapter). */
#ifndef HADAL_X86_APIC_H
#define HADAL_X86_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Physical address of the memory-mapped registers, in a value of MSR_APIC_BASE. */
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull
/* This CPU's APIC ID. */
uint32_t apic_id(void);
void apic_send_nmi(uint32_t id);

/* CPUs that one write sends an NMI to: with x2APIC those of a cluster, which share ID / 16. */
struct apic_group {
	uint32_t cluster;
	uint32_t members; /* bit n: ID % 16 = n */
};

/* Add a CPU; those of another cluster than before get theirs now, as does each without x2APIC. */
void apic_group_add(struct apic_group *group, uint32_t id);
/* All that have not got theirs do; in apic_group_send() when there may be none. */
void apic_group_flush(struct apic_group *group);
static inline void apic_group_send(struct apic_group *group)
{
	if (group->members)
		apic_group_flush(group);
}
bool apic_is_x2(void);
/* This CPU's memory-mapped registers, while it has not x2APIC. */
#define APIC_LOGICAL_ID     0x0d0
#define APIC_LOGICAL_FORMAT 0x0e0
#define APIC_ICR_LOW        0x300
#define APIC_ICR_HIGH       0x310
uint32_t apic_read(unsigned offset);
void apic_write(unsigned offset, uint32_t value);
/*
 * As INIT leaves it, as far as software can do that: off, with nothing in service and no timer.
 * What it has been sent and nobody has taken stays pending.
 */
void apic_reset(void);
/* The local vector table's entry for performance counters. */
uint32_t apic_lvt_counters(void);

#endif
