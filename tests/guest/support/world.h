/* SPDX-License-Identifier: MIT */
/* What the tests of the hypercalls know of the machine, and addresses that are wrong for a buffer.
 */
#ifndef TESTS_GUEST_WORLD_H
#define TESTS_GUEST_WORLD_H

#include "support/ring0.h"

#define LOCAL_APIC 0xfee00000ull
#define IO_APIC    0xfec00000ull

enum place { PLACE_RAM, PLACE_OWN, PLACE_OTHER };

struct world {
	struct arena arena;
	struct hadal_info info;
	struct hadal_range ram[HADAL_MAX_RAM_RANGES]; /* info.ram_count of them */
	uint64_t ram_end;
	uint64_t own; /* first page of the hypervisor's that lies behind a page which is not */
	uint64_t own_pages;
	uint64_t own_ranges; /* that HADAL_CALL_OWN tells */
	uint8_t *own_map;    /* a bit for each page below ram_end */
};

/*
 * Opens the device, asks for struct hadal_info and reads RAM to find the hypervisor's pages: all of
 * them, or only those up to world->own and a little further.
 */
void world_open(struct world *world, bool all_own);
/* What a physical address is. */
enum place world_place(const struct world *world, uint64_t address);

static inline uint64_t arena_page(const struct world *world, unsigned int page)
{
	return world->arena.physical + page * PAGE;
}

#endif
