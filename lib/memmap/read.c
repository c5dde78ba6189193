// SPDX-License-Identifier: MIT
/* What the kernel's memory tells of physical memory: E820, resources and MTRRs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memmap/read.h"

/* Bound what a damaged kernel may tell. */
#define E820_LIMIT     65536u
#define RESOURCE_LIMIT 1000000u
#define DEPTH_LIMIT    32u

/* enum e820_type */
enum { E820_RAM = 1, E820_ACPI = 3, E820_NVS, E820_UNUSABLE, E820_PMEM = 7, E820_PRAM = 12 };
#define E820_RESERVED_KERNEL 128u
#define E820_SOFT_RESERVED   0xefffffffu

/* Resources: flags, and enum iores_desc. */
#define RESOURCE_RAM (1u << 24)
enum { DESC_ACPI = 2, DESC_NVS, DESC_PMEM, DESC_PRAM, DESC_RESERVED = 7, DESC_SOFT_RESERVED };

const struct hadal_need memmap_needs[MEMMAP_NEEDS] = {
	[IOMEM] = {HADAL_SYMBOL("iomem_resource")},
	[RESOURCE] = {HADAL_OBJECT("resource")},
	[RES_START] = {HADAL_MEMBER("resource", "start")},
	[RES_END] = {HADAL_MEMBER("resource", "end")},
	[RES_NAME] = {HADAL_MEMBER("resource", "name")},
	[RES_FLAGS] = {HADAL_MEMBER("resource", "flags")},
	[RES_DESC] = {HADAL_MEMBER("resource", "desc")},
	[RES_SIBLING] = {HADAL_MEMBER("resource", "sibling")},
	[RES_CHILD] = {HADAL_MEMBER("resource", "child")},
	[E820_TABLE] = {HADAL_SYMBOL("e820_table")},
	[E820_TABLE_FIRMWARE] = {HADAL_SYMBOL("e820_table_firmware")},
	[E820_TABLE_KEXEC] = {HADAL_SYMBOL("e820_table_kexec")},
	[MTRR_STATE] = {HADAL_SYMBOL("mtrr_state"), HADAL_OPTIONAL},
	[CPU_DATA] = {HADAL_SYMBOL("boot_cpu_data")},
	[BOOT_PARAMS] = {HADAL_SYMBOL("boot_params")},
	[EFI] = {HADAL_SYMBOL("efi"), HADAL_OPTIONAL},
	[E820_COUNT] = {HADAL_MEMBER("e820_table", "nr_entries")},
	[E820_ENTRIES] = {HADAL_MEMBER("e820_table", "entries")},
	[E820_ENTRY] = {HADAL_OBJECT("e820_entry")},
	[E820_ADDRESS] = {HADAL_MEMBER("e820_entry", "addr")},
	[E820_SIZE] = {HADAL_MEMBER("e820_entry", "size")},
	[E820_TYPE] = {HADAL_MEMBER("e820_entry", "type")},
	[MTRR_VARIABLE] = {HADAL_MEMBER("mtrr_state_type", "var_ranges"), HADAL_OPTIONAL},
	[MTRR_FIXED] = {HADAL_MEMBER("mtrr_state_type", "fixed_ranges"), HADAL_OPTIONAL},
	[MTRR_ENABLED] = {HADAL_MEMBER("mtrr_state_type", "enabled"), HADAL_OPTIONAL},
	[MTRR_HAS_FIXED] = {HADAL_MEMBER("mtrr_state_type", "have_fixed"), HADAL_OPTIONAL},
	[MTRR_DEFAULT] = {HADAL_MEMBER("mtrr_state_type", "def_type"), HADAL_OPTIONAL},
	[PHYSICAL_BITS] = {HADAL_MEMBER("cpuinfo_x86", "x86_phys_bits")},
	[EFI_SIGNATURE] = {HADAL_MEMBER("boot_params", "efi_info.efi_loader_signature")},
	[EFI_DESC_SIZE] = {HADAL_MEMBER("boot_params", "efi_info.efi_memdesc_size")},
	[EFI_MAP_LOW] = {HADAL_MEMBER("boot_params", "efi_info.efi_memmap")},
	[EFI_MAP_HIGH] = {HADAL_MEMBER("boot_params", "efi_info.efi_memmap_hi")},
	[EFI_MAP_SIZE] = {HADAL_MEMBER("boot_params", "efi_info.efi_memmap_size")},
	[KEPT_MAP] = {HADAL_MEMBER("efi", "memmap.phys_map"), HADAL_OPTIONAL},
	[KEPT_COUNT] = {HADAL_MEMBER("efi", "memmap.nr_map"), HADAL_OPTIONAL},
	[KEPT_DESC_SIZE] = {HADAL_MEMBER("efi", "memmap.desc_size"), HADAL_OPTIONAL},
};

static const char *e820_name(uint32_t type, enum hadal_memmap_class *class)
{
	*class = HADAL_MEMMAP_RESERVED;
	switch (type) {
	case E820_RAM:
		*class = HADAL_MEMMAP_RAM;
		return "System RAM";
	case E820_RESERVED_KERNEL:
		*class = HADAL_MEMMAP_RAM;
		return "System RAM (kernel's)";
	case E820_ACPI:
		*class = HADAL_MEMMAP_ACPI;
		return "ACPI Tables";
	case E820_NVS:
		*class = HADAL_MEMMAP_NVS;
		return "ACPI Non-volatile Storage";
	case E820_UNUSABLE:
		*class = HADAL_MEMMAP_UNUSABLE;
		return "Unusable memory";
	case E820_PMEM:
	case E820_PRAM:
		*class = HADAL_MEMMAP_PERSISTENT;
		return type == E820_PMEM ? "Persistent Memory" : "Persistent Memory (legacy)";
	case E820_SOFT_RESERVED:
		return "Soft Reserved";
	default:
		return type == 2 ? "Reserved" : "Unknown E820 type";
	}
}

int memmap_add_range(struct hadal_memmap_list *list, uint64_t start, uint64_t bytes,
		     enum hadal_memmap_class class, const char *name)
{
	if (!bytes)
		return 0;
	if (start + (bytes - 1) < start) {
		list->lost++;
		return 0;
	}
	return hadal_memmap_add(list, start, start + (bytes - 1), class, name) ? 0 : -ENOMEM;
}

static int read_e820(struct hadal_plan *plan, uint64_t symbol, struct hadal_memmap_list *list)
{
	struct hadal_object *entry = &plan->objects[E820_ENTRY];
	const struct hadal_field *entries = &plan->fields[E820_ENTRIES];
	uint32_t stride = entries->count ? entries->size / entries->count : 0;
	uint64_t table, count;

	list->known = true;
	if (hadal_space_read_u64(plan->space, symbol, &table) || !stride) {
		list->lost++;
		return 0;
	}
	count = hadal_plan_read(plan, E820_COUNT, table);
	if (!count || count > E820_LIMIT || count > entries->count) {
		list->lost++;
		return 0;
	}
	for (uint64_t i = 0; i < count; i++) {
		enum hadal_memmap_class class;
		const char *name;

		if (hadal_object_read(entry, table + entries->offset + i * stride)) {
			list->lost++;
			continue;
		}
		name = e820_name(hadal_object_value(entry, E820_TYPE), &class);
		if (memmap_add_range(list, hadal_object_value(entry, E820_ADDRESS),
				     hadal_object_value(entry, E820_SIZE), class, name))
			return -ENOMEM;
	}
	return 0;
}

static enum hadal_memmap_class resource_class(uint64_t flags, uint64_t desc,
					      const struct hadal_memmap_range *outer)
{
	if (flags & RESOURCE_RAM || (outer && outer->class == HADAL_MEMMAP_RAM))
		return HADAL_MEMMAP_RAM;
	switch (desc) {
	case DESC_ACPI:
		return HADAL_MEMMAP_ACPI;
	case DESC_NVS:
		return HADAL_MEMMAP_NVS;
	case DESC_PMEM:
	case DESC_PRAM:
		return HADAL_MEMMAP_PERSISTENT;
	case DESC_RESERVED:
	case DESC_SOFT_RESERVED:
		return HADAL_MEMMAP_RESERVED;
	default:
		return HADAL_MEMMAP_OTHER;
	}
}

/* Where the walk is: the next resource at each depth, and where that may begin and end at most. */
struct resource_walk {
	uint64_t next[DEPTH_LIMIT];
	uint64_t least[DEPTH_LIMIT], most[DEPTH_LIMIT];
	size_t outer[DEPTH_LIMIT]; /* item that it is in */
	uint32_t depth;
};

/*
 * Each resource lies in its parent and behind its elder sibling, as the kernel keeps them, so that
 * no damaged tree is walked in circles.
 */
static int add_resource(struct hadal_plan *plan, struct hadal_memmap_list *list,
			struct resource_walk *walk)
{
	struct hadal_object *resource = &plan->objects[RESOURCE];
	uint64_t start = hadal_object_value(resource, RES_START);
	uint64_t last = hadal_object_value(resource, RES_END);
	uint64_t child = hadal_object_value(resource, RES_CHILD);
	uint32_t depth = walk->depth;
	const struct hadal_memmap_range *outer = depth ? &list->items[walk->outer[depth]] : NULL;
	char name[2 * HADAL_MEMMAP_NAME_MAX] = "<BAD>"; /* as /proc/iomem has it */
	enum hadal_memmap_class class;
	struct hadal_memmap_range *range;

	if (start > last || start < walk->least[depth] || last > walk->most[depth]) {
		list->lost++;
		walk->depth--;
		return 0;
	}
	hadal_space_read_string(plan->space, hadal_object_value(resource, RES_NAME), name,
				sizeof(name));
	class = resource_class(hadal_object_value(resource, RES_FLAGS),
			       hadal_object_value(resource, RES_DESC), outer);
	range = hadal_memmap_add(list, start, last, class, name);
	if (!range)
		return -ENOMEM;
	range->depth = depth;
	walk->next[depth] = hadal_object_value(resource, RES_SIBLING);
	walk->least[depth] = last + 1;
	if (walk->next[depth] && last == walk->most[depth]) {
		list->lost++; /* there is no room for what follows */
		walk->next[depth] = 0;
	}
	if (child && depth + 1 == DEPTH_LIMIT) {
		list->lost++;
	} else if (child) {
		walk->depth = ++depth;
		walk->next[depth] = child;
		walk->least[depth] = start;
		walk->most[depth] = last;
		walk->outer[depth] = list->count - 1;
	}
	return 0;
}

static int read_resources(struct hadal_plan *plan, struct hadal_memmap_list *list)
{
	struct hadal_object *resource = &plan->objects[RESOURCE];
	struct resource_walk walk = {.most = {UINT64_MAX}};

	list->known = true;
	walk.next[0] = hadal_plan_read(plan, RES_CHILD, plan->symbols[IOMEM]);
	while (list->count < RESOURCE_LIMIT && walk.depth < DEPTH_LIMIT) {
		uint64_t at = walk.next[walk.depth];

		walk.next[walk.depth] = 0;
		if (!at) {
			walk.depth--; /* from 0 it wraps, which ends the walk */
		} else if (hadal_object_read(resource, at)) {
			list->lost++;
			walk.depth--;
		} else if (add_resource(plan, list, &walk)) {
			return -ENOMEM;
		}
	}
	if (!list->count || list->count == RESOURCE_LIMIT)
		list->lost++;
	return 0;
}

static int read_mtrrs(struct hadal_plan *plan, struct hadal_memmap_list *list)
{
	const struct hadal_field *variable = &plan->fields[MTRR_VARIABLE];
	const struct hadal_field *fixed = &plan->fields[MTRR_FIXED];
	uint64_t state = plan->symbols[MTRR_STATE], enabled;
	struct hadal_mtrrs *mtrrs;
	int result;

	/* No such thing in a kernel that was built without them, or not as it is known here. */
	if (!state || !hadal_plan_has(plan, MTRR_ENABLED) || fixed->size != HADAL_MTRR_FIXED ||
	    !variable->count || variable->size / variable->count != 16)
		return 0;
	mtrrs = calloc(1, sizeof(*mtrrs));
	if (!mtrrs)
		return -ENOMEM;
	list->known = true;
	mtrrs->count =
		variable->count < HADAL_MTRR_VARIABLE ? variable->count : HADAL_MTRR_VARIABLE;
	if (hadal_space_read_exact(plan->space, state + fixed->offset, mtrrs->fixed,
				   sizeof(mtrrs->fixed)) ||
	    hadal_space_read_exact(plan->space, state + variable->offset, mtrrs->variable,
				   mtrrs->count * sizeof(mtrrs->variable[0])))
		list->lost++;
	enabled = hadal_plan_read(plan, MTRR_ENABLED, state);
	mtrrs->fixed_enabled = enabled & 1;
	mtrrs->enabled = enabled & 2;
	mtrrs->has_fixed = hadal_plan_read(plan, MTRR_HAS_FIXED, state);
	mtrrs->default_type = hadal_plan_read(plan, MTRR_DEFAULT, state);
	mtrrs->physical_bits = hadal_plan_read(plan, PHYSICAL_BITS, plan->symbols[CPU_DATA]);
	result = hadal_memmap_mtrr(mtrrs, list);
	free(mtrrs);
	return result;
}

int hadal_memmap_resources(struct hadal_kernel *kernel, struct hadal_memmap_list *list,
			   struct hadal_error *error)
{
	struct hadal_plan plan;
	int result;

	*list = (struct hadal_memmap_list){0};
	result = hadal_plan_open(&plan, kernel, memmap_needs, RESOURCE_NEEDS, error);
	if (!result) {
		hadal_space_flush(plan.space);
		result = read_resources(&plan, list);
		if (result)
			hadal_fail(error, ENOMEM, "Out of memory");
	}
	hadal_plan_close(&plan);
	return result;
}

int hadal_memmap_read(struct hadal_kernel *kernel, hadal_memmap_read_beyond beyond, void *ctx,
		      struct hadal_memmap *map, struct hadal_error *error)
{
	const struct memmap_beyond reader = {beyond, ctx};
	struct hadal_plan plan;
	int result;

	*map = (struct hadal_memmap){0};
	result = hadal_plan_open(&plan, kernel, memmap_needs, MEMMAP_NEEDS, error);
	if (!result) {
		hadal_space_flush(plan.space);
		result = read_e820(&plan, plan.symbols[E820_TABLE], &map->of[HADAL_MEMMAP_E820]);
		if (!result)
			result = read_e820(&plan, plan.symbols[E820_TABLE_FIRMWARE],
					   &map->of[HADAL_MEMMAP_E820_FIRMWARE]);
		if (!result)
			result = read_e820(&plan, plan.symbols[E820_TABLE_KEXEC],
					   &map->of[HADAL_MEMMAP_E820_KEXEC]);
		if (!result)
			result = read_resources(&plan, &map->of[HADAL_MEMMAP_RESOURCES]);
		if (!result)
			result = read_mtrrs(&plan, &map->of[HADAL_MEMMAP_MTRR]);
		if (!result)
			result = memmap_read_efi(&plan, &reader, map);
		if (result)
			hadal_fail(error, ENOMEM, "Out of memory");
	}
	hadal_plan_close(&plan);
	return result;
}
