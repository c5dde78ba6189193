// SPDX-License-Identifier: MIT
/* The memory map of UEFI firmware, from the copies that lie in the kernel's memory. */
#include <errno.h>
#include <string.h>

#include "memmap/read.h"

#define EFI_PAGE   4096u
#define EFI_LIMIT  65536u /* descriptors, more than any firmware has */
#define STRIDE_MAX 4096u
#define SIGNATURE  0x34364c45u /* "EL64": started by a UEFI of 64 bits */
#define TYPE_RAM   7u

/* EFI_MEMORY_DESCRIPTOR, UEFI 2.10 chapter 7.2; the map's stride may be longer. */
struct descriptor {
	uint32_t type, padding;
	uint64_t physical, virtual, pages, attributes;
};

static const struct {
	const char *name;
	enum hadal_memmap_class class;
} types[] = {
	{"Reserved", HADAL_MEMMAP_RESERVED},
	{"Loader Code", HADAL_MEMMAP_BOOT},
	{"Loader Data", HADAL_MEMMAP_BOOT},
	{"Boot Services Code", HADAL_MEMMAP_BOOT},
	{"Boot Services Data", HADAL_MEMMAP_BOOT},
	{"Runtime Services Code", HADAL_MEMMAP_RUNTIME},
	{"Runtime Services Data", HADAL_MEMMAP_RUNTIME},
	[TYPE_RAM] = {"Conventional Memory", HADAL_MEMMAP_RAM},
	{"Unusable Memory", HADAL_MEMMAP_UNUSABLE},
	{"ACPI Reclaim Memory", HADAL_MEMMAP_ACPI},
	{"ACPI Memory NVS", HADAL_MEMMAP_NVS},
	{"Memory Mapped I/O", HADAL_MEMMAP_OTHER},
	{"MMIO Port Space", HADAL_MEMMAP_OTHER},
	{"PAL Code", HADAL_MEMMAP_RESERVED},
	{"Persistent Memory", HADAL_MEMMAP_PERSISTENT},
	{"Unaccepted Memory", HADAL_MEMMAP_RESERVED},
};

static int add_descriptor(struct hadal_memmap_list *list, const struct descriptor *descriptor)
{
	bool known = descriptor->type < sizeof(types) / sizeof(types[0]);
	size_t before = list->count;

	if (descriptor->pages > UINT64_MAX / EFI_PAGE) {
		list->lost++;
		return 0;
	}
	if (memmap_add_range(list, descriptor->physical, descriptor->pages * EFI_PAGE,
			     known ? types[descriptor->type].class : HADAL_MEMMAP_RESERVED,
			     known ? types[descriptor->type].name : "Unknown EFI type"))
		return -ENOMEM;
	if (list->count > before)
		list->items[before].attributes = descriptor->attributes;
	return 0;
}

static bool is_ram(const struct hadal_memory *memory, uint64_t start, uint64_t bytes)
{
	for (size_t i = 0; i < memory->range_count; i++)
		if (start >= memory->ranges[i].start && start < memory->ranges[i].end &&
		    bytes <= memory->ranges[i].end - start)
			return true;
	return false;
}

/* Nothing but RAM and ACPI's memory is read: to read a device may have effects. */
static bool is_memory(const struct hadal_memmap_list *e820, uint64_t start, uint64_t bytes)
{
	for (size_t i = 0; i < e820->count; i++) {
		const struct hadal_memmap_range *range = &e820->items[i];

		if (start >= range->start && start <= range->last &&
		    bytes - 1 <= range->last - start)
			return range->class == HADAL_MEMMAP_RAM ||
			       range->class == HADAL_MEMMAP_ACPI ||
			       range->class == HADAL_MEMMAP_NVS;
	}
	return false;
}

/* Where a map lies, as the kernel notes it. */
struct place {
	uint64_t physical, count, stride;
};

static int read_descriptors(struct hadal_plan *plan, const struct memmap_beyond *beyond,
			    const struct place *place, struct hadal_memmap_list *list)
{
	struct hadal_memory *memory = hadal_page_cache_memory(plan->space->cache);
	bool ram = is_ram(memory, place->physical, place->count * place->stride);
	struct descriptor descriptor;

	for (uint64_t i = 0; i < place->count; i++) {
		uint64_t at = place->physical + i * place->stride;
		int result =
			ram ? hadal_memory_read_exact(memory, at, &descriptor, sizeof(descriptor))
			    : beyond->read(beyond->ctx, at, &descriptor, sizeof(descriptor));

		if (result)
			list->lost++;
		else if (add_descriptor(list, &descriptor))
			return -ENOMEM;
	}
	return 0;
}

static int read_map(struct hadal_plan *plan, const struct memmap_beyond *beyond,
		    const struct hadal_memmap *map, const struct place *place,
		    struct hadal_memmap_list *list)
{
	struct hadal_memory *memory = hadal_page_cache_memory(plan->space->cache);
	uint64_t bytes;

	list->known = true;
	if (!place->count || place->count > EFI_LIMIT ||
	    place->stride < sizeof(struct descriptor) || place->stride > STRIDE_MAX) {
		list->lost++;
		return 0;
	}
	bytes = place->count * place->stride;
	if (!is_ram(memory, place->physical, bytes)) {
		if (!beyond->read) {
			list->known = false;
			return 0;
		}
		if (!is_memory(&map->of[HADAL_MEMMAP_E820_FIRMWARE], place->physical, bytes)) {
			list->lost++;
			return 0;
		}
	}
	return read_descriptors(plan, beyond, place, list);
}

int memmap_read_efi(struct hadal_plan *plan, const struct memmap_beyond *beyond,
		    struct hadal_memmap *map)
{
	uint64_t params = plan->symbols[BOOT_PARAMS], efi = plan->symbols[EFI];
	struct place given, kept;
	int result;

	if (hadal_plan_read(plan, EFI_SIGNATURE, params) != SIGNATURE)
		return 0;
	map->efi_boot = true;
	given.physical = hadal_plan_read(plan, EFI_MAP_HIGH, params) << 32 |
			 hadal_plan_read(plan, EFI_MAP_LOW, params);
	given.stride = hadal_plan_read(plan, EFI_DESC_SIZE, params);
	given.count = given.stride ? hadal_plan_read(plan, EFI_MAP_SIZE, params) / given.stride : 0;
	result = read_map(plan, beyond, map, &given, &map->of[HADAL_MEMMAP_EFI]);
	if (result || !efi || !hadal_plan_has(plan, KEPT_MAP) || !hadal_plan_has(plan, KEPT_COUNT))
		return result;
	kept.physical = hadal_plan_read(plan, KEPT_MAP, efi);
	kept.stride = hadal_plan_read(plan, KEPT_DESC_SIZE, efi);
	kept.count = hadal_plan_read(plan, KEPT_COUNT, efi);
	/* With "noefi" and the like the kernel forgets it. */
	return kept.count ? read_map(plan, beyond, map, &kept, &map->of[HADAL_MEMMAP_EFI_KERNEL])
			  : 0;
}
