/* SPDX-License-Identifier: MIT */
/* Which physical memory is RAM: ascending ranges with gaps between them. */
#ifndef HADAL_PAGING_RAM_H
#define HADAL_PAGING_RAM_H

#include <stdbool.h>
#include <stdint.h>
#include <hadal/abi.h>

struct ram_map {
	uint32_t count;
	struct hadal_range range[HADAL_MAX_RAM_RANGES];
};

/* Up to so many ranges are quicker looked through than searched. */
#define RAM_FEW 16

bool ram_has_of_many(const struct ram_map *map, uint64_t address);

static inline bool ram_has(const struct ram_map *map, uint64_t address)
{
	const struct hadal_range *range = map->range, *end = range + map->count;

	if (map->count > RAM_FEW)
		return ram_has_of_many(map, address);
	for (; range < end; range++)
		if (address < range->end)
			return address >= range->start;
	return false;
}

/* The address behind the last range, or 0. */
uint64_t ram_end(const struct ram_map *map);

/*
 * *out is `from` with [start, end), or without it; neighbours become one range. start < end. 0,
 * -ENOSPC (too many ranges).
 */
int ram_add(const struct ram_map *from, uint64_t start, uint64_t end, struct ram_map *out);
int ram_remove(const struct ram_map *from, uint64_t start, uint64_t end, struct ram_map *out);

/*
 * The first part of [*start, end) that is RAM in a map (or with `in` false: that is not) moves to
 * *start; where it ends, or 0 when there is none.
 */
uint64_t ram_next(const struct ram_map *map, uint64_t *start, uint64_t end, bool in);

#endif
