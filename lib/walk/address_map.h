/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_ADDRESS_MAP_H
#define HADAL_LIB_WALK_ADDRESS_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Remembers which objects a walk has seen, and a number with each. All zeros is an empty one. */
struct hadal_address_map {
	struct hadal_address_slot *slots;
	size_t size; /* a power of two */
	size_t count;
};

/*
 * Adds an address other than 0 with its number. Returns 1 when it was new, 0 when it was there
 * already and nothing has changed, or -ENOMEM.
 */
int hadal_address_map_add(struct hadal_address_map *map, uint64_t address, size_t number);

/* The number added with an address, until the next addition; NULL when it is not there. */
const size_t *hadal_address_map_find(const struct hadal_address_map *map, uint64_t address);

/* Leaves an empty map. */
void hadal_address_map_free(struct hadal_address_map *map);

#endif
