// SPDX-License-Identifier: MIT
/* The parts of memory that a search goes through. */
#include "search/area.h"

#include <errno.h>
#include <stdlib.h>

#include "walk/list.h"
#include "walk/object.h"

#define ENTRIES 512u

struct walk {
	const struct hadal_area *area;
	const struct hadal_range *ranges; /* of physical memory that may be looked at */
	size_t range_count;
	uint64_t tables_left;        /* page tables that may still be looked at */
	struct hadal_extent pending; /* grows while what follows is its continuation */
	hadal_extent_visit visit;
	void *ctx;
};

/* The first range that ends above pa, or the count of them. */
static size_t range_above(const struct walk *walk, uint64_t pa)
{
	size_t low = 0, high = walk->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pa < walk->ranges[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int flush(struct walk *walk)
{
	struct hadal_extent extent = walk->pending;

	walk->pending.size = 0;
	return extent.size ? walk->visit(walk->ctx, &extent) : 0;
}

static int add(struct walk *walk, uint64_t address, uint64_t pa, uint64_t size)
{
	struct hadal_extent *pending = &walk->pending;
	int result;

	if (pending->size && pending->address + pending->size == address &&
	    pending->physical + pending->size == pa) {
		pending->size += size;
		return 0;
	}
	result = flush(walk);
	*pending = (struct hadal_extent){address, pa, size};
	return result;
}

/* What of mapped RAM the image does not have. */
static void note_missing(const struct walk *walk, uint64_t pa, uint64_t size)
{
	const struct hadal_area *area = walk->area;
	const struct hadal_ranges *ram = area->ram;
	const struct hadal_memory *memory = area->memory;

	for (size_t i = 0; ram && i < ram->count; i++) {
		uint64_t at = ram->items[i].start > pa ? ram->items[i].start : pa;
		uint64_t end = ram->items[i].end < pa + size ? ram->items[i].end : pa + size;

		for (size_t j = 0; at < end && j < memory->range_count; j++) {
			const struct hadal_range *there = &memory->ranges[j];

			if (there->end <= at)
				continue;
			if (there->start > at)
				break;
			at = there->end;
		}
		if (at < end)
			hadal_memory_note_missing(area->memory, at, end - at);
	}
}

/* Adds what of size bytes at an address is in the area and in memory that may be looked at. */
static int add_mapped(struct walk *walk, uint64_t address, uint64_t pa, uint64_t size)
{
	uint64_t first = address > walk->area->start ? address : walk->area->start;
	uint64_t last = address + size - 1;
	uint64_t end;
	int result = 0;

	if (last > walk->area->last)
		last = walk->area->last;
	if (first > last)
		return 0;
	pa += first - address;
	end = pa + (last - first) + 1;
	if (walk->area->space)
		note_missing(walk, pa, end - pa);
	for (size_t i = range_above(walk, pa); !result && i < walk->range_count; i++) {
		uint64_t from = walk->ranges[i].start > pa ? walk->ranges[i].start : pa;
		uint64_t to = walk->ranges[i].end < end ? walk->ranges[i].end : end;

		if (from >= to)
			break;
		result = add(walk, first + (from - pa), from, to - from);
	}
	return result;
}

/* A program's page that is not in memory has an entry all the same, which says where it is. */
static bool is_elsewhere(const struct walk *walk, uint64_t entry, unsigned level, uint64_t address)
{
	return walk->area->unread && level == 1 && entry && !(entry & HADAL_PTE_PRESENT) &&
	       !(address >> 63);
}

/* base: the first virtual address below the table. */
static int walk_table(struct walk *walk, uint64_t table, unsigned level, uint64_t base,
		      uint32_t rights)
{
	const struct hadal_area *area = walk->area;
	const unsigned shift = 12 + 9 * (level - 1), top = 12 + 9 * area->space->levels - 1;
	const uint64_t size = 1ull << shift;
	uint64_t entries[ENTRIES];
	int result = 0;

	if (!walk->tables_left)
		return -ELOOP;
	walk->tables_left--;
	if (hadal_memory_read_exact(area->memory, table, entries, sizeof(entries))) {
		if (area->unread)
			area->unread->tables++;
		return 0;
	}
	for (uint64_t i = 0; !result && i < ENTRIES; i++) {
		uint64_t address = base + (i << shift);
		uint64_t physical = entries[i] & HADAL_PTE_ADDRESS;
		uint32_t allowed = rights & hadal_entry_rights(entries[i]);

		if (level == area->space->levels && address >> top & 1)
			address |= ~0ull << top;
		if (address + (size - 1) < area->start || address > area->last)
			continue;
		if (is_elsewhere(walk, entries[i], level, address))
			area->unread->pages++;
		if (!(entries[i] & HADAL_PTE_PRESENT) || (allowed & area->rights) != area->rights)
			continue;
		if (level == 1 || (level <= 3 && entries[i] & HADAL_PTE_LARGE))
			result = add_mapped(walk, address, physical & ~(size - 1), size);
		else if (!(entries[i] & HADAL_PTE_LARGE))
			result = walk_table(walk, physical, level - 1, address, allowed);
	}
	return result;
}

/* Each page of RAM can be a table; the kernel uses a few of them at more than one place. */
static uint64_t most_tables(const struct hadal_memory *memory)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < memory->range_count; i++)
		bytes += memory->ranges[i].end - memory->ranges[i].start;
	return 2 * (bytes / HADAL_PAGE_SIZE) + ENTRIES;
}

int hadal_area_walk(const struct hadal_area *area, hadal_extent_visit visit, void *ctx)
{
	struct walk walk = {
		.area = area,
		.ranges = area->within ? area->within->items : area->memory->ranges,
		.range_count = area->within ? area->within->count : area->memory->range_count,
		.tables_left = most_tables(area->memory),
		.visit = visit,
		.ctx = ctx,
	};
	int result = 0;

	if (area->space)
		result = walk_table(&walk, area->space->root, area->space->levels, 0, ~0u);
	for (size_t i = 0; !area->space && !result && i < walk.range_count; i++)
		result = add_mapped(&walk, walk.ranges[i].start, walk.ranges[i].start,
				    walk.ranges[i].end - walk.ranges[i].start);
	return result ? result : flush(&walk);
}

static int add_size(void *ctx, const struct hadal_extent *extent)
{
	*(uint64_t *)ctx += extent->size;
	return 0;
}

uint64_t hadal_area_size(const struct hadal_area *area)
{
	struct hadal_area once = *area;
	uint64_t size = 0;

	once.ram = NULL;
	once.unread = NULL;
	hadal_area_walk(&once, add_size, &size);
	return size;
}

ssize_t hadal_area_read(const struct hadal_area *area, uint64_t address, void *buf, size_t len)
{
	if (area->space)
		return hadal_space_read(area->space, address, buf, len);
	return hadal_memory_read(area->memory, address, buf, len);
}

int hadal_area_physical(const struct hadal_area *area, uint64_t address, uint64_t *pa)
{
	if (area->space)
		return hadal_space_address(area->space, address, pa);
	*pa = address;
	return 0;
}

struct collection {
	struct hadal_ranges ranges;
	size_t capacity;
};

static int append(struct collection *collection, uint64_t start, uint64_t end)
{
	struct hadal_range *range = HADAL_LIST_APPEND(&collection->ranges, &collection->capacity);

	if (!range)
		return -ENOMEM;
	*range = (struct hadal_range){start, end};
	return 0;
}

static int collect(void *ctx, const struct hadal_extent *extent)
{
	return append(ctx, extent->physical, extent->physical + extent->size);
}

static int compare_ranges(const void *left, const void *right)
{
	const struct hadal_range *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Appends what of a range is in none of those to leave out, which are in order of their start. */
static int append_rest(struct collection *rest, const struct hadal_range *range,
		       const struct hadal_ranges *out)
{
	uint64_t at = range->start;
	int error = 0;

	for (size_t i = 0; !error && i < out->count && out->items[i].start < range->end; i++) {
		if (out->items[i].start > at)
			error = append(rest, at, out->items[i].start);
		if (out->items[i].end > at)
			at = out->items[i].end;
	}
	return !error && at < range->end ? append(rest, at, range->end) : error;
}

int hadal_area_exclude(const struct hadal_area *area, const struct hadal_area *other,
		       struct hadal_ranges *rest)
{
	const struct hadal_memory *memory = area->memory;
	struct collection out = {0}, kept = {0};
	int error = hadal_area_walk(other, collect, &out);

	if (out.ranges.count)
		qsort(out.ranges.items, out.ranges.count, sizeof(*out.ranges.items),
		      compare_ranges);
	for (size_t i = 0; !error && i < memory->range_count; i++)
		error = append_rest(&kept, &memory->ranges[i], &out.ranges);
	hadal_ranges_free(&out.ranges);
	if (error)
		hadal_ranges_free(&kept.ranges);
	*rest = kept.ranges;
	return error;
}

int hadal_area_absent(const struct hadal_area *area, struct hadal_ranges *absent)
{
	/* Only read. */
	const struct hadal_ranges there = {(struct hadal_range *)area->memory->ranges,
					   area->memory->range_count};
	struct collection rest = {0};
	int error = 0;

	for (size_t i = 0; !error && i < area->ram->count; i++) {
		struct hadal_range part = area->ram->items[i];

		if (part.start < area->start)
			part.start = area->start;
		if (part.end - 1 > area->last)
			part.end = area->last + 1;
		if (part.start < part.end)
			error = append_rest(&rest, &part, &there);
	}
	*absent = rest.ranges;
	return error;
}

void hadal_ranges_free(struct hadal_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct hadal_ranges){0};
}
