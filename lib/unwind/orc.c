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
#include "walk/object.h"

/* More than any kernel has, in entries; a larger count is no table. */
#define ENTRIES_MAX (16u << 20)

struct table {
	uint64_t start, end; /* of the code */
	uint64_t ips;        /* addresses in the machine's memory */
	uint64_t entries;
	uint32_t count;
};

enum orc_field { SP_OFFSET, BP_OFFSET, SP_REG, BP_REG, TYPE, END, WHOLE, ORC_FIELDS };
enum module_field { COUNT, IPS, ENTRIES, MODULE_FIELDS };

struct hadal_orc_tables {
	struct hadal_space *space;
	struct hadal_field fields[ORC_FIELDS];
	struct table kernel;
	struct table *modules;
	size_t module_count;
};

static int open_kernel(struct hadal_orc_tables *tables, struct hadal_kernel *kernel,
		       struct hadal_error *error)
{
	enum { START_IP, STOP_IP, START, TEXT, TEXT_END, SYMBOLS };
	struct hadal_lookup found[SYMBOLS] = {
		[START_IP] = {.name = "__start_orc_unwind_ip"},
		[STOP_IP] = {.name = "__stop_orc_unwind_ip"},
		[START] = {.name = "__start_orc_unwind"},
		[TEXT] = {.name = "_stext"},
		[TEXT_END] = {.name = "_einittext"},
	};
	uint64_t bytes;

	if (hadal_kernel_lookup(kernel, found, SYMBOLS, NULL))
		return hadal_fail(error, ENOENT,
				  "This kernel has no ORC tables, from which its stacks could be "
				  "unwound: it was built without CONFIG_UNWINDER_ORC");
	bytes = found[STOP_IP].address - found[START_IP].address;
	if (!bytes || bytes % 4 || bytes / 4 > ENTRIES_MAX)
		return hadal_fail(error, EINVAL,
				  "The ends of this kernel's ORC tables make no sense");
	tables->kernel = (struct table){
		.start = found[TEXT].address,
		.end = found[TEXT_END].address,
		.ips = found[START_IP].address,
		.entries = found[START].address,
		.count = bytes / 4,
	};
	return 0;
}

/* Modules without tables, or whose tables cannot be read, are passed over. */
static void open_modules(struct hadal_orc_tables *tables, struct hadal_kernel *kernel)
{
	static const struct hadal_field_request requests[MODULE_FIELDS] = {
		[COUNT] = {"module", {"arch.num_orcs"}, false},
		[IPS] = {"module", {"arch.orc_unwind_ip"}, false},
		[ENTRIES] = {"module", {"arch.orc_unwind"}, false},
	};
	struct hadal_field fields[MODULE_FIELDS];
	struct hadal_module_list list = {0};

	if (hadal_kernel_fields(kernel, requests, MODULE_FIELDS, fields, NULL) ||
	    hadal_modules(kernel, &list, NULL) ||
	    !(tables->modules = calloc(list.count + 1, sizeof(*tables->modules)))) {
		hadal_modules_free(&list);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct hadal_module *module = &list.items[i];
		struct table *table = &tables->modules[tables->module_count];
		uint64_t count = hadal_field_read(tables->space, &fields[COUNT], module->address);

		table->start = module->base;
		table->end = module->base + module->size;
		table->ips = hadal_field_read(tables->space, &fields[IPS], module->address);
		table->entries = hadal_field_read(tables->space, &fields[ENTRIES], module->address);
		table->count = count;
		if (count && count <= ENTRIES_MAX && table->ips && table->entries)
			tables->module_count++;
	}
	hadal_modules_free(&list);
}

struct hadal_orc_tables *hadal_orc_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	static const struct hadal_field_request requests[ORC_FIELDS] = {
		[SP_OFFSET] = {"orc_entry", {"sp_offset"}, false},
		[BP_OFFSET] = {"orc_entry", {"bp_offset"}, false},
		[SP_REG] = {"orc_entry", {"sp_reg"}, false},
		[BP_REG] = {"orc_entry", {"bp_reg"}, false},
		[TYPE] = {"orc_entry", {"type"}, false},
		/* Until 6.3; the end of a stack is a type of its own since. */
		[END] = {"orc_entry", {"end"}, true},
		[WHOLE] = {"orc_entry", {"."}, false},
	};
	struct hadal_orc_tables *tables = calloc(1, sizeof(*tables));

	if (!tables) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	tables->space = hadal_kernel_space(kernel);
	if (open_kernel(tables, kernel, error) ||
	    hadal_kernel_fields(kernel, requests, ORC_FIELDS, tables->fields, error)) {
		hadal_orc_close(tables);
		return NULL;
	}
	open_modules(tables, kernel);
	return tables;
}

void hadal_orc_close(struct hadal_orc_tables *tables)
{
	if (!tables)
		return;
	free(tables->modules);
	free(tables);
}

static const struct table *table_of(const struct hadal_orc_tables *tables, uint64_t address)
{
	const struct table *kernel = &tables->kernel;

	if (address >= kernel->start && address < kernel->end)
		return kernel;
	for (size_t i = 0; i < tables->module_count; i++)
		if (address >= tables->modules[i].start && address < tables->modules[i].end)
			return &tables->modules[i];
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
	const struct hadal_field *fields = tables->fields;
	const struct table *table = table_of(tables, address);
	size_t size = fields[WHOLE].size;
	bool has_end = fields[END].size;
	uint8_t copy[64];
	int64_t index;

	if (!table || size > sizeof(copy))
		return -ENOENT;
	index = search(tables->space, table, address);
	if (index < 0)
		return index;
	if (hadal_space_read_exact(tables->space, table->entries + index * size, copy, size))
		return -EFAULT;
	*orc = (struct hadal_orc){
		.kind = kind_of(has_end, hadal_field_value(&fields[TYPE], copy, 0, size)),
		.sp_base = hadal_field_value(&fields[SP_REG], copy, 0, size),
		.bp_base = hadal_field_value(&fields[BP_REG], copy, 0, size),
		.sp_offset = hadal_field_value(&fields[SP_OFFSET], copy, 0, size),
		.bp_offset = hadal_field_value(&fields[BP_OFFSET], copy, 0, size),
	};
	if (has_end && orc->sp_base == HADAL_ORC_UNDEFINED)
		orc->kind = hadal_field_value(&fields[END], copy, 0, size) ? HADAL_ORC_END
									   : HADAL_ORC_NOTHING;
	return 0;
}
