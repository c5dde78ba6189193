// SPDX-License-Identifier: MIT
/* The RAM that a kernel knows its machine to have. */
#include "search/ram.h"

#include <errno.h>

#include "walk/plan.h"

/* E820_TYPE_RAM and E820_TYPE_RESERVED_KERN of arch/x86/include/asm/e820/types.h. */
#define TYPE_RAM    1u
#define TYPE_KERNEL 128u
/* E820_MAX_ENTRIES with the largest number of NUMA nodes. */
#define ENTRIES_MAX (128u + 3 * 1024)

enum need { TABLE, COUNT, ENTRIES, ENTRY, START, SIZE, TYPE, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[TABLE] = {HADAL_SYMBOL("e820_table")},
	[COUNT] = {HADAL_MEMBER("e820_table", "nr_entries")},
	[ENTRIES] = {HADAL_MEMBER("e820_table", "entries")},
	[ENTRY] = {HADAL_MEMBER("e820_entry", ".")},
	[START] = {HADAL_MEMBER("e820_entry", "addr")},
	[SIZE] = {HADAL_MEMBER("e820_entry", "size")},
	[TYPE] = {HADAL_MEMBER("e820_entry", "type")},
};

static int read_table(const struct hadal_plan *plan, struct hadal_ranges *ram)
{
	uint64_t table, count;
	size_t capacity = 0;

	if (hadal_space_read_u64(plan->space, plan->symbols[TABLE], &table))
		return -EFAULT;
	count = hadal_plan_read(plan, COUNT, table);
	for (uint64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
		uint64_t entry =
			table + hadal_plan_offset(plan, ENTRIES) + i * hadal_plan_size(plan, ENTRY);
		uint64_t start = hadal_plan_read(plan, START, entry);
		uint64_t size = hadal_plan_read(plan, SIZE, entry);
		uint64_t type = hadal_plan_read(plan, TYPE, entry);
		struct hadal_range *range;

		if ((type != TYPE_RAM && type != TYPE_KERNEL) || start + size <= start)
			continue;
		range = HADAL_LIST_APPEND(ram, &capacity);
		if (!range)
			return -ENOMEM;
		*range = (struct hadal_range){start, start + size};
	}
	return ram->count ? 0 : -ENOENT;
}

int hadal_kernel_ram(struct hadal_kernel *kernel, struct hadal_ranges *ram)
{
	struct hadal_plan plan;
	int result = hadal_plan_open(&plan, kernel, needs, NEEDS, NULL);

	*ram = (struct hadal_ranges){0};
	if (!result)
		result = read_table(&plan, ram);
	hadal_plan_close(&plan);
	return result;
}
