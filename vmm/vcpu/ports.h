/* SPDX-License-Identifier: MIT */
/* I/O ports whose accesses exit where HADAL_EXIT_IO is intercepted: one bitmap for all CPUs. */
#ifndef HADAL_VCPU_PORTS_H
#define HADAL_VCPU_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#define PORT_COUNT 65536u

/* Once, before the first CPU starts. -ENOMEM. */
int ports_init(void);

/*
 * Physical address of the bitmap, a bit for each port, and one page that stays clear behind it:
 * what SVM wants in one piece (APM 15.10.1) and VT-x in two (SDM 25.6.4).
 */
uint64_t ports_physical(void);

/* Ports [first, first + count), which ends at PORT_COUNT. */
void ports_set(uint32_t first, uint32_t count, bool exit);

#endif
