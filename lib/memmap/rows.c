// SPDX-License-Identifier: MIT
/* The maps side by side: physical memory cut wherever one of them changes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memmap/memmap.h"
#include "walk/object.h"

const char *hadal_memmap_source_name(unsigned int source)
{
	static const char *const names[HADAL_MEMMAP_SOURCES] = {
		[HADAL_MEMMAP_EFI] = "efi",
		[HADAL_MEMMAP_EFI_KERNEL] = "efi_kernel",
		[HADAL_MEMMAP_E820] = "e820",
		[HADAL_MEMMAP_E820_FIRMWARE] = "e820_firmware",
		[HADAL_MEMMAP_E820_KEXEC] = "e820_kexec",
		[HADAL_MEMMAP_RESOURCES] = "resources",
		[HADAL_MEMMAP_HADAL] = "hadal",
		[HADAL_MEMMAP_MTRR] = "mtrr",
	};

	return source < HADAL_MEMMAP_SOURCES ? names[source] : NULL;
}

const char *hadal_memmap_class_name(enum hadal_memmap_class class)
{
	static const char *const names[HADAL_MEMMAP_CLASSES] = {
		[HADAL_MEMMAP_OTHER] = "devices and other",
		[HADAL_MEMMAP_RAM] = "RAM",
		[HADAL_MEMMAP_BOOT] = "boot services and loader",
		[HADAL_MEMMAP_RUNTIME] = "runtime services",
		[HADAL_MEMMAP_ACPI] = "ACPI tables",
		[HADAL_MEMMAP_NVS] = "ACPI storage",
		[HADAL_MEMMAP_RESERVED] = "reserved",
		[HADAL_MEMMAP_UNUSABLE] = "unusable",
		[HADAL_MEMMAP_PERSISTENT] = "persistent",
		[HADAL_MEMMAP_HIDDEN] = "hidden by Hadal",
	};

	return names[class];
}

struct hadal_memmap_range *hadal_memmap_add(struct hadal_memmap_list *list, uint64_t start,
					    uint64_t last, enum hadal_memmap_class class,
					    const char *name)
{
	struct hadal_memmap_range *range = HADAL_LIST_APPEND(list, &list->capacity);

	if (!range)
		return NULL;
	*range = (struct hadal_memmap_range){.start = start, .last = last, .class = class};
	if (snprintf(range->name, sizeof(range->name), "%s", name) >= (int)sizeof(range->name))
		strcpy(range->name + sizeof(range->name) - sizeof("..."), "...");
	return range;
}

void hadal_memmap_free(struct hadal_memmap *map)
{
	for (size_t i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		free(map->of[i].items);
	*map = (struct hadal_memmap){0};
}

static int by_start(const void *one, const void *other)
{
	uint64_t a = ((const struct hadal_range *)one)->start;
	uint64_t b = ((const struct hadal_range *)other)->start;

	return a < b ? -1 : a > b;
}

/* One range of RAM and what of own lies in it; own is sorted. */
static int add_ram(struct hadal_memmap_list *list, const struct hadal_range *ram,
		   const struct hadal_range *own, size_t own_count)
{
	uint64_t at = ram->start;

	for (size_t i = 0; i < own_count; i++) {
		uint64_t start = own[i].start > at ? own[i].start : at;
		uint64_t end = own[i].end < ram->end ? own[i].end : ram->end;

		if (start >= end)
			continue;
		if (start > at && !hadal_memmap_add(list, at, start - 1, HADAL_MEMMAP_RAM, "RAM"))
			return -ENOMEM;
		if (!hadal_memmap_add(list, start, end - 1, HADAL_MEMMAP_HIDDEN, "hidden"))
			return -ENOMEM;
		at = end;
	}
	return at >= ram->end || hadal_memmap_add(list, at, ram->end - 1, HADAL_MEMMAP_RAM, "RAM")
		       ? 0
		       : -ENOMEM;
}

int hadal_memmap_add_hadal(struct hadal_memmap *map, const struct hadal_range *ram,
			   size_t ram_count, const struct hadal_range *own, size_t own_count)
{
	struct hadal_memmap_list *list = &map->of[HADAL_MEMMAP_HADAL];
	struct hadal_range *sorted = calloc(own_count + 1, sizeof(*sorted));
	int result = sorted ? 0 : -ENOMEM;

	if (sorted && own_count) {
		memcpy(sorted, own, own_count * sizeof(*own));
		qsort(sorted, own_count, sizeof(*sorted), by_start);
	}
	for (size_t i = 0; !result && i < ram_count; i++)
		result = add_ram(list, &ram[i], sorted, own_count);
	free(sorted);
	list->known = !result;
	return result;
}

static int compare_addresses(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return a < b ? -1 : a > b;
}

/* Where rows begin, ascending and each once; the caller frees them. */
static uint64_t *find_cuts(const struct hadal_memmap *map, size_t *count)
{
	size_t room = 1, used = 0, kept = 0;
	uint64_t *cuts;

	for (size_t i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		room += 2 * map->of[i].count;
	cuts = calloc(room, sizeof(*cuts));
	if (!cuts)
		return NULL;
	for (size_t i = 0; i < HADAL_MEMMAP_SOURCES; i++) {
		const struct hadal_memmap_list *list = &map->of[i];

		for (size_t j = 0; j < list->count; j++) {
			cuts[used++] = list->items[j].start;
			if (list->items[j].last != UINT64_MAX)
				cuts[used++] = list->items[j].last + 1;
		}
	}
	qsort(cuts, used, sizeof(*cuts), compare_addresses);
	for (size_t i = 0; i < used; i++)
		if (!kept || cuts[kept - 1] != cuts[i])
			cuts[kept++] = cuts[i];
	*count = kept;
	return cuts;
}

/* The row that begins at an address, which one does. */
static size_t row_at(const struct hadal_memmap_row *rows, size_t count, uint64_t start)
{
	size_t low = 0;

	while (count > 1) {
		size_t half = count / 2;

		if (rows[low + half].start <= start)
			low += half;
		else
			half = count - half;
		count -= half;
	}
	return low;
}

/* Ranges that are in others come behind them, and so take their place. */
static void fill(const struct hadal_memmap *map, unsigned int source, struct hadal_memmap_row *rows,
		 size_t count)
{
	const struct hadal_memmap_list *list = &map->of[source];

	for (size_t i = 0; i < list->count; i++) {
		const struct hadal_memmap_range *range = &list->items[i];
		size_t row = row_at(rows, count, range->start);

		for (; row < count && rows[row].start <= range->last; row++)
			rows[row].in[source] = range;
	}
}

static bool is_told(const struct hadal_memmap_row *row)
{
	for (size_t i = 0; i < HADAL_MEMMAP_SOURCES; i++)
		if (row->in[i] && i != HADAL_MEMMAP_MTRR)
			return true;
	return false;
}

int hadal_memmap_rows(const struct hadal_memmap *map, struct hadal_memmap_row **out, size_t *count)
{
	size_t cut_count, kept = 0;
	uint64_t *cuts = find_cuts(map, &cut_count);
	struct hadal_memmap_row *rows = cuts ? calloc(cut_count + 1, sizeof(*rows)) : NULL;

	if (!rows) {
		free(cuts);
		return -ENOMEM;
	}
	for (size_t i = 0; i < cut_count; i++) {
		rows[i].start = cuts[i];
		rows[i].last = i + 1 < cut_count ? cuts[i + 1] - 1 : UINT64_MAX;
	}
	for (unsigned int i = 0; cut_count && i < HADAL_MEMMAP_SOURCES; i++)
		fill(map, i, rows, cut_count);
	for (size_t i = 0; i < cut_count; i++)
		if (is_told(&rows[i]))
			rows[kept++] = rows[i];
	free(cuts);
	*out = rows;
	*count = kept;
	return 0;
}

bool hadal_memmap_tells_ram(const struct hadal_memmap *map, const struct hadal_memmap_row *row,
			    unsigned int source)
{
	const struct hadal_memmap_range *range = row->in[source];

	return map->of[source].known && !(range && range->class == HADAL_MEMMAP_HIDDEN) &&
	       (source == HADAL_MEMMAP_EFI || source == HADAL_MEMMAP_E820 ||
		source == HADAL_MEMMAP_E820_FIRMWARE || source == HADAL_MEMMAP_RESOURCES ||
		source == HADAL_MEMMAP_HADAL);
}

bool hadal_memmap_is_ram(const struct hadal_memmap_row *row, unsigned int source)
{
	const struct hadal_memmap_range *range = row->in[source];

	return range && (range->class == HADAL_MEMMAP_RAM || range->class == HADAL_MEMMAP_BOOT);
}

unsigned int hadal_memmap_marks(const struct hadal_memmap *map, const struct hadal_memmap_row *row)
{
	const struct hadal_memmap_range *mtrr = row->in[HADAL_MEMMAP_MTRR];
	bool ram = false, other = false;
	unsigned int marks = 0;

	for (unsigned int i = 0; i < HADAL_MEMMAP_SOURCES; i++) {
		const struct hadal_memmap_range *range = row->in[i];

		if (range && range->class == HADAL_MEMMAP_HIDDEN)
			marks |= HADAL_MEMMAP_MARK_HIDDEN;
		if (range && range->class == HADAL_MEMMAP_RUNTIME)
			marks |= HADAL_MEMMAP_MARK_RUNTIME;
		if (!hadal_memmap_tells_ram(map, row, i))
			continue;
		ram |= hadal_memmap_is_ram(row, i);
		other |= !hadal_memmap_is_ram(row, i);
	}
	if (ram && other)
		marks |= HADAL_MEMMAP_MARK_RAM;
	if (ram && mtrr && strcmp(mtrr->name, "WB"))
		marks |= HADAL_MEMMAP_MARK_CACHE;
	return marks;
}
