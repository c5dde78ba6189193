// SPDX-License-Identifier: MIT
/* What MTRRs make of physical memory: ranges of one memory type each. */
#include <errno.h>
#include <stdlib.h>

#include "memmap/memmap.h"

#define FIXED_END 0x100000ull
#define VALID     (1ull << 11) /* in the mask */
#define ADDRESS   (~0xfffull)

enum { UC = 0, WC = 1, WT = 4, WP = 5, WB = 6 };

static const char *type_name(unsigned int type)
{
	switch (type) {
	case UC:
		return "UC";
	case WC:
		return "WC";
	case WT:
		return "WT";
	case WP:
		return "WP";
	case WB:
		return "WB";
	default:
		return "invalid";
	}
}

static uint64_t limit(const struct hadal_mtrrs *mtrrs)
{
	unsigned int bits = mtrrs->physical_bits;

	return bits >= 36 && bits <= 52 ? 1ull << bits : 1ull << 52;
}

/* Eight of 64 KiB, sixteen of 16 KiB, and 4 KiB each above 768 KiB. */
static unsigned int fixed_index(uint64_t address)
{
	if (address < 0x80000)
		return address >> 16;
	if (address < 0xc0000)
		return 8 + ((address - 0x80000) >> 14);
	return 24 + ((address - 0xc0000) >> 12);
}

/* Uncached goes before all; of write-through and write-back the former; else it is undefined. */
static unsigned int combine(unsigned int one, unsigned int other)
{
	if (one == other)
		return one;
	if ((one == WT && other == WB) || (one == WB && other == WT))
		return WT;
	return UC;
}

static unsigned int type_at(const struct hadal_mtrrs *mtrrs, uint64_t address)
{
	bool found = false;
	unsigned int type = UC;

	if (!mtrrs->enabled)
		return UC;
	if (address < FIXED_END && mtrrs->has_fixed && mtrrs->fixed_enabled)
		return mtrrs->fixed[fixed_index(address)];
	for (unsigned int i = 0; i < mtrrs->count; i++) {
		uint64_t mask = mtrrs->variable[i].mask & ADDRESS & (limit(mtrrs) - 1);
		uint64_t base = mtrrs->variable[i].base;

		if (!(mtrrs->variable[i].mask & VALID) || (address & mask) != (base & mask))
			continue;
		type = found ? combine(type, base & 0xff) : base & 0xff;
		found = true;
	}
	return found ? type : mtrrs->default_type;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

/* Appends, or makes the last range longer when it is of the same type. */
static int add(struct hadal_memmap_list *list, uint64_t start, uint64_t last, const char *name)
{
	struct hadal_memmap_range *before = list->count ? &list->items[list->count - 1] : NULL;

	if (before && before->name[0] == name[0] && before->name[1] == name[1]) {
		before->last = last;
		return 0;
	}
	return hadal_memmap_add(list, start, last, HADAL_MEMMAP_OTHER, name) ? 0 : -ENOMEM;
}

int hadal_memmap_mtrr(const struct hadal_mtrrs *mtrrs, struct hadal_memmap_list *list)
{
	uint64_t cuts[2 + HADAL_MTRR_FIXED + 2 * HADAL_MTRR_VARIABLE], end = limit(mtrrs);
	size_t count = 0;
	int result = 0;

	for (uint64_t at = 0; at < FIXED_END; at += at < 0x80000   ? 0x10000
						    : at < 0xc0000 ? 0x4000
								   : 0x1000)
		cuts[count++] = at;
	cuts[count++] = FIXED_END;
	for (unsigned int i = 0; i < mtrrs->count && i < HADAL_MTRR_VARIABLE; i++) {
		uint64_t mask = mtrrs->variable[i].mask & ADDRESS & (end - 1);
		uint64_t base = mtrrs->variable[i].base & mask;

		if (!(mtrrs->variable[i].mask & VALID))
			continue;
		/* A mask with gaps would make more pieces than can be told; firmware sets none. */
		if (mask)
			cuts[count++] = base + (mask & -mask);
		cuts[count++] = base;
	}
	qsort(cuts, count, sizeof(cuts[0]), compare);
	for (size_t i = 0; !result && i < count; i++) {
		uint64_t next = i + 1 < count ? cuts[i + 1] : end;

		if (next > end)
			next = end;
		if (next > cuts[i])
			result = add(list, cuts[i], next - 1, type_name(type_at(mtrrs, cuts[i])));
	}
	return result;
}
