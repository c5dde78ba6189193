/* SPDX-License-Identifier: MIT */
/*
 * The way out of an image that was there before its system: the trampoline and the crossings have
 * to be at one address in the tables of both, and only the system knows where it has room.
 */
#ifndef HADAL_PAGING_WAY_OUT_H
#define HADAL_PAGING_WAY_OUT_H

#include <stdint.h>
#include "paging/pt_pool.h"

struct hadal_first;

struct way_out {
	/* For the tables that it takes, so that a stop needs no other memory, and not its lock. */
	struct pt_pool pool;
	uint64_t address; /* where it is mapped; 0: nowhere */
};

/* What there is to know of a start by the firmware. 0, -ENOMEM. */
int way_out_init(const struct hadal_first *first);

/* A CPU's crossing, in bytes from the start of its page to the start of the way out. */
uint64_t way_out_crossing(uint32_t cpu);

/*
 * Maps it in the image's tables, and nowhere else any more. The caller has a lock of its own around
 * that, and no CPU is on an earlier way. -EINVAL: there is no room for it at this address.
 */
int way_out_map(uint64_t address);

#endif
