// SPDX-License-Identifier: MIT
/* The map of RAM, which changes when memory is plugged in or taken out. */
#include "paging/ram.h"
#include "base/errno.h"

uint64_t ram_end(const struct ram_map *map)
{
	return map->count ? map->range[map->count - 1].end : 0;
}

bool ram_has_of_many(const struct ram_map *map, uint64_t address)
{
	uint32_t low = 0, high = map->count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (map->range[middle].end > address)
			high = middle;
		else
			low = middle + 1;
	}
	return low < map->count && address >= map->range[low].start;
}

/* Put a range behind the others, or make the last one longer that it touches. */
static int append(struct ram_map *map, uint64_t start, uint64_t end)
{
	if (start >= end)
		return 0;
	if (map->count && map->range[map->count - 1].end >= start) {
		if (map->range[map->count - 1].end < end)
			map->range[map->count - 1].end = end;
		return 0;
	}
	if (map->count == HADAL_MAX_RAM_RANGES)
		return -ENOSPC;
	map->range[map->count++] = (struct hadal_range){start, end};
	return 0;
}

int ram_add(const struct ram_map *from, uint64_t start, uint64_t end, struct ram_map *out)
{
	uint32_t i = 0;
	int err = 0;

	out->count = 0;
	for (; !err && i < from->count && from->range[i].start < start; i++)
		err = append(out, from->range[i].start, from->range[i].end);
	if (!err)
		err = append(out, start, end);
	for (; !err && i < from->count; i++)
		err = append(out, from->range[i].start, from->range[i].end);
	return err;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

int ram_remove(const struct ram_map *from, uint64_t start, uint64_t end, struct ram_map *out)
{
	int err = 0;

	out->count = 0;
	for (uint32_t i = 0; !err && i < from->count; i++) {
		const struct hadal_range *r = &from->range[i];

		err = append(out, r->start, smaller(r->end, start));
		if (!err)
			err = append(out, larger(r->start, end), r->end);
	}
	return err;
}

uint64_t ram_next(const struct ram_map *map, uint64_t *start, uint64_t end, bool in)
{
	for (uint32_t i = 0; i < map->count && *start < end; i++) {
		const struct hadal_range *r = &map->range[i];

		if (r->end <= *start)
			continue;
		if (in) {
			*start = larger(*start, r->start);
			return *start < end ? smaller(r->end, end) : 0;
		}
		if (r->start > *start)
			return smaller(r->start, end);
		*start = r->end;
	}
	return !in && *start < end ? end : 0;
}
