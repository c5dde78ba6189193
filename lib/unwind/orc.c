// SPDX-License-Identifier: MIT
/*
 * Looks addresses up in the kernel's ORC tables. A table is two arrays: sorted places in the code,
 * each 32 bits relative to where it lies itself, and what holds from there on.
 */
#include "unwind/orc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "system/module.h"
#include "walk/plan.h"

/* More than any kernel has, in entries; a larger count is no table. */
#define ENTRIES_MAX (16u << 20)

struct table {
	uint64_t start, end; /* of the kernel's code */
	uint64_t ips;        /* addresses in the machine's memory */
	uint64_t entries;
	uint32_t count;
};

enum need {
	ENTRY,
	SP_OFFSET,
	BP_OFFSET,
	SP_REG,
	BP_REG,
	TYPE,
	END, /* until 6.3; the end of a stack is a type of its own since */
	WHOLE,
	MODULE_COUNT,
	MODULE_IPS,
	MODULE_ENTRIES,
	START_IP,
	STOP_IP,
	START,
	TEXT,
	TEXT_END,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[ENTRY] = {HADAL_OBJECT("orc_entry")},
	[SP_OFFSET] = {HADAL_MEMBER("orc_entry", "sp_offset")},
	[BP_OFFSET] = {HADAL_MEMBER("orc_entry", "bp_offset")},
	[SP_REG] = {HADAL_MEMBER("orc_entry", "sp_reg")},
	[BP_REG] = {HADAL_MEMBER("orc_entry", "bp_reg")},
	[TYPE] = {HADAL_MEMBER("orc_entry", "type")},
	[END] = {HADAL_MEMBER("orc_entry", "end"), HADAL_OPTIONAL},
	[WHOLE] = {HADAL_MEMBER("orc_entry", ".")},
	[MODULE_COUNT] = {HADAL_MEMBER("module", "arch.num_orcs"), HADAL_OPTIONAL},
	[MODULE_IPS] = {HADAL_MEMBER("module", "arch.orc_unwind_ip"), HADAL_WITH(MODULE_COUNT)},
	[MODULE_ENTRIES] = {HADAL_MEMBER("module", "arch.orc_unwind"), HADAL_WITH(MODULE_COUNT)},
	[START_IP] = {HADAL_SYMBOL("__start_orc_unwind_ip")},
	[STOP_IP] = {HADAL_SYMBOL("__stop_orc_unwind_ip")},
	[START] = {HADAL_SYMBOL("__start_orc_unwind")},
	[TEXT] = {HADAL_SYMBOL("_stext")},
	[TEXT_END] = {HADAL_SYMBOL("_einittext")},
};

struct hadal_orc_tables {
	struct hadal_plan plan;
	struct table kernel;
	struct hadal_module_list modules;
	struct table *of_modules; /* one for each; those without one have no entries */
};

static int open_kernel(struct hadal_orc_tables *tables, struct hadal_error *error)
{
	const uint64_t *symbols = tables->plan.symbols;
	uint64_t bytes = symbols[STOP_IP] - symbols[START_IP];

	if (!bytes || bytes % 4 || bytes / 4 > ENTRIES_MAX)
		return hadal_fail(error, EINVAL,
				  "The ends of this kernel's ORC tables make no sense");
	tables->kernel = (struct table){
		.start = symbols[TEXT],
		.end = symbols[TEXT_END],
		.ips = symbols[START_IP],
		.entries = symbols[START],
		.count = bytes / 4,
	};
	return 0;
}

/* Modules without tables, or whose tables cannot be read, are passed over. */
static int open_modules(struct hadal_orc_tables *tables, struct hadal_error *error)
{
	const struct hadal_plan *plan = &tables->plan;
	struct hadal_module_list *modules = &tables->modules;

	if (hadal_plan_has(plan, MODULE_COUNT))
		hadal_modules(plan->kernel, modules, NULL);
	tables->of_modules = calloc(modules->count + 1, sizeof(*tables->of_modules));
	if (!tables->of_modules)
		return hadal_fail(error, ENOMEM, "Out of memory");
	for (size_t i = 0; i < modules->count; i++) {
		uint64_t address = modules->items[i].address;
		uint64_t count = hadal_plan_read(plan, MODULE_COUNT, address);

		tables->of_modules[i] = (struct table){
			.ips = hadal_plan_read(plan, MODULE_IPS, address),
			.entries = hadal_plan_read(plan, MODULE_ENTRIES, address),
			.count = count <= ENTRIES_MAX ? count : 0,
		};
	}
	return 0;
}

struct hadal_orc_tables *hadal_orc_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_lookup lookup = {.name = needs[START_IP].names[0]};
	struct hadal_orc_tables *tables = calloc(1, sizeof(*tables));

	if (!tables) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (hadal_kernel_lookup(kernel, &lookup, 1, NULL)) {
		hadal_fail(error, ENOENT,
			   "This kernel has no ORC tables, from which its stacks could be "
			   "unwound: it was built without CONFIG_UNWINDER_ORC");
	} else if (!hadal_plan_open(&tables->plan, kernel, needs, NEEDS, error) &&
		   !open_kernel(tables, error) && !open_modules(tables, error)) {
		return tables;
	}
	hadal_orc_close(tables);
	return NULL;
}

void hadal_orc_close(struct hadal_orc_tables *tables)
{
	if (!tables)
		return;
	hadal_plan_close(&tables->plan);
	hadal_modules_free(&tables->modules);
	free(tables->of_modules);
	free(tables);
}

static const struct table *table_of(const struct hadal_orc_tables *tables, uint64_t address)
{
	const struct table *kernel = &tables->kernel;

	if (address >= kernel->start && address < kernel->end)
		return kernel;
	for (size_t i = 0; i < tables->modules.count; i++)
		if (hadal_module_part(&tables->modules.items[i], address))
			return &tables->of_modules[i];
	return NULL;
}

/* The last entry at or before an address, or a negative errno. */
static int64_t search(struct hadal_space *space, const struct table *table, uint64_t address)
{
	uint32_t low = 0, high = table->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2, distance;
		uint64_t at = table->ips + middle * 4ull;

		if (hadal_space_read_u32(space, at, &distance))
			return -EFAULT;
		if (at + (int64_t)(int32_t)distance <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? (int64_t)low - 1 : -ENOENT;
}

/* The numbers of types before 6.4, whose entries have the member end, and since. */
static enum hadal_orc_kind kind_of(bool has_end, unsigned type)
{
	static const enum hadal_orc_kind before[] = {HADAL_ORC_CALL, HADAL_ORC_REGS,
						     HADAL_ORC_INTERRUPT, HADAL_ORC_NOTHING};
	static const enum hadal_orc_kind since[] = {HADAL_ORC_NOTHING, HADAL_ORC_END,
						    HADAL_ORC_CALL, HADAL_ORC_REGS,
						    HADAL_ORC_INTERRUPT};

	if (has_end)
		return type < 4 ? before[type] : HADAL_ORC_NOTHING;
	return type < 5 ? since[type] : HADAL_ORC_NOTHING;
}

int hadal_orc_find(struct hadal_orc_tables *tables, uint64_t address, struct hadal_orc *orc)
{
	const struct hadal_plan *plan = &tables->plan;
	struct hadal_object *entry = &plan->objects[ENTRY];
	const struct table *table = table_of(tables, address);
	bool has_end = hadal_plan_has(plan, END);
	int64_t index;

	if (!table)
		return -ENOENT;
	index = search(plan->space, table, address);
	if (index < 0)
		return index;
	if (hadal_object_read(entry, table->entries + index * hadal_plan_size(plan, WHOLE)))
		return -EFAULT;
	*orc = (struct hadal_orc){
		.kind = kind_of(has_end, hadal_object_value(entry, TYPE)),
		.sp_base = hadal_object_value(entry, SP_REG),
		.bp_base = hadal_object_value(entry, BP_REG),
		.sp_offset = hadal_object_value(entry, SP_OFFSET),
		.bp_offset = hadal_object_value(entry, BP_OFFSET),
	};
	if (has_end && orc->sp_base == HADAL_ORC_UNDEFINED)
		orc->kind = hadal_object_value(entry, END) ? HADAL_ORC_END : HADAL_ORC_NOTHING;
	return 0;
}
