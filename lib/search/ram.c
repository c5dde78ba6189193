// SPDX-License-Identifier: MIT
/* The RAM that a kernel knows its machine to have. */
#include "search/ram.h"

#include <errno.h>
#include <stdlib.h>

#include "memmap/memmap.h"
#include "walk/object.h"

/* Resources come in order; those within others, as the kernel's own code, right behind them. */
static int add(struct hadal_ranges *ram, size_t *capacity, const struct hadal_memmap_range *found)
{
	struct hadal_range *range = ram->count ? &ram->items[ram->count - 1] : NULL;
	uint64_t start = (found->start + HADAL_PAGE_SIZE - 1) & -(uint64_t)HADAL_PAGE_SIZE;
	uint64_t end = (found->last + 1) & -(uint64_t)HADAL_PAGE_SIZE;

	if (start < found->start || start >= end || (range && end <= range->end))
		return 0;
	if (range && start <= range->end) {
		range->end = end;
		return 0;
	}
	range = HADAL_LIST_APPEND(ram, capacity);
	if (!range)
		return -ENOMEM;
	*range = (struct hadal_range){start, end};
	return 0;
}

static int collect(struct hadal_ranges *ram, const struct hadal_memmap_list *list)
{
	size_t capacity = 0;

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].class == HADAL_MEMMAP_RAM &&
		    add(ram, &capacity, &list->items[i]))
			return -ENOMEM;
	return 0;
}

/* As the firmware told it, which the kernel keeps elsewhere than its resources. */
static int collect_firmware(struct hadal_kernel *kernel, struct hadal_ranges *ram)
{
	struct hadal_memmap map;
	int result = hadal_memmap_read(kernel, NULL, NULL, &map, NULL);

	if (!result && !map.of[HADAL_MEMMAP_E820].lost) {
		hadal_ranges_free(ram);
		result = collect(ram, &map.of[HADAL_MEMMAP_E820]);
	}
	hadal_memmap_free(&map);
	return result;
}

int hadal_kernel_ram(struct hadal_kernel *kernel, struct hadal_ranges *ram,
		     struct hadal_error *error)
{
	struct hadal_memmap_list list;
	int result = hadal_memmap_resources(kernel, &list, error);

	*ram = (struct hadal_ranges){0};
	if (!result && collect(ram, &list))
		result = hadal_fail(error, ENOMEM, "Out of memory");
	if (!result && (list.lost || !ram->count)) {
		collect_firmware(kernel, ram);
		result = hadal_fail(error, ENODATA,
				    "The kernel's list of what is RAM could not be followed");
	}
	free(list.items);
	return result;
}
