// SPDX-License-Identifier: MIT
/* The kernel's list of modules. */
#include "system/module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

/* Bounds the walk of a damaged list; the 1.5 GiB of module space hold fewer pages. */
#define MODULE_LIMIT 400000u
/* Linux counts one reference more than there are users (MODULE_REF_BASE). */
#define REFERENCE_BASE 1

enum need {
	MODULES,
	MODULE,
	LIST,
	NAME,
	STATE,
	REFERENCES,
	PARTS, /* from 6.4 on: an array, of which the first is the text */
	PART_BASE,
	PART_SIZE,
	CORE_BASE, /* up to 6.3: one layout for what stays, one for what is freed after the start */
	CORE_SIZE,
	INIT_BASE,
	INIT_SIZE,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[MODULES] = {HADAL_SYMBOL("modules")},
	[MODULE] = {HADAL_OBJECT("module")},
	[LIST] = {HADAL_LIST_HEAD("module", "list")},
	[NAME] = {HADAL_MEMBER("module", "name")},
	[STATE] = {HADAL_MEMBER("module", "state")},
	[REFERENCES] = {HADAL_MEMBER("module", "refcnt"), HADAL_OPTIONAL},
	[PARTS] = {HADAL_MEMBER("module", "mem"), HADAL_OPTIONAL},
	[PART_BASE] = {HADAL_MEMBER("module", "mem[0].base"), HADAL_WITH(PARTS)},
	[PART_SIZE] = {HADAL_MEMBER("module", "mem[0].size"), HADAL_WITH(PARTS)},
	[CORE_BASE] = {HADAL_MEMBER("module", "core_layout.base"), HADAL_WITHOUT(PARTS)},
	[CORE_SIZE] = {HADAL_MEMBER("module", "core_layout.size"), HADAL_WITHOUT(PARTS)},
	[INIT_BASE] = {HADAL_MEMBER("module", "init_layout.base"), HADAL_WITHOUT(PARTS)},
	[INIT_SIZE] = {HADAL_MEMBER("module", "init_layout.size"), HADAL_WITHOUT(PARTS)},
};

struct module_reader {
	struct hadal_plan plan;
	struct hadal_object *module;
	struct hadal_module_list *list;
	size_t capacity;
};

static void add_part(struct hadal_module *item, uint64_t base, uint64_t size)
{
	item->size += size;
	/* Only what is the kernel's: the part for initialization has no address once it is done. */
	if (size && base >> 63 && base + size > base)
		item->parts[item->part_count++] = (struct hadal_range){base, base + size};
}

static void read_parts(const struct module_reader *reader, struct hadal_module *item)
{
	const struct hadal_object *module = reader->module;
	const struct hadal_field *fields = reader->plan.fields;
	const struct hadal_field *parts = &fields[PARTS];

	item->size = 0;
	item->part_count = 0;
	if (!parts->size) {
		add_part(item, hadal_object_value(module, CORE_BASE),
			 hadal_object_value(module, CORE_SIZE));
		add_part(item, hadal_object_value(module, INIT_BASE),
			 hadal_object_value(module, INIT_SIZE));
		return;
	}
	for (uint32_t i = 0; i < parts->count; i++) {
		struct hadal_field base = fields[PART_BASE], size = fields[PART_SIZE];
		uint32_t offset = i * (parts->size / parts->count);

		base.offset += offset;
		size.offset += offset;
		add_part(item, hadal_field_value(&base, module->copy, module->start, module->len),
			 hadal_field_value(&size, module->copy, module->start, module->len));
	}
}

static int visit_module(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct module_reader *reader = ctx;
	struct hadal_object *module = reader->module;
	char name[HADAL_MODULE_NAME_MAX];
	struct hadal_module *item;
	int error = hadal_object_read(module, node - hadal_plan_offset(&reader->plan, LIST));

	if (error)
		return error;
	if (hadal_object_string(module, NAME, name, sizeof(name)) <= 0 ||
	    hadal_object_value(module, STATE) > HADAL_MODULE_UNFORMED)
		return -EINVAL;
	*links = hadal_object_links(module, LIST);
	item = HADAL_LIST_APPEND(reader->list, &reader->capacity);
	if (!item)
		return ENOMEM;
	*item = (struct hadal_module){
		.address = module->address,
		.base = hadal_object_value(
			module, hadal_plan_has(&reader->plan, PARTS) ? PART_BASE : CORE_BASE),
		.references = (int32_t)hadal_object_value(module, REFERENCES) - REFERENCE_BASE,
		.state = hadal_object_value(module, STATE),
	};
	memcpy(item->name, name, sizeof(name));
	read_parts(reader, item);
	return 0;
}

static int read_modules(struct module_reader *reader, struct hadal_error *error)
{
	const struct hadal_plan *plan = &reader->plan;
	const struct hadal_field *parts = &plan->fields[PARTS];
	int result;

	if (parts->size && (!parts->count || parts->count > HADAL_MODULE_PARTS_MAX))
		return hadal_fail(
			error, EINVAL,
			"This kernel's type information describes no sound struct module");
	reader->module = &plan->objects[MODULE];
	hadal_space_flush(plan->space);
	result = hadal_list_walk(plan->space, plan->symbols[MODULES], MODULE_LIMIT, visit_module,
				 reader, &reader->list->lost);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the list of modules: %s",
				  strerror(abs(result)));
	return 0;
}

int hadal_modules(struct hadal_kernel *kernel, struct hadal_module_list *list,
		  struct hadal_error *error)
{
	struct module_reader reader = {.list = list};
	int result = hadal_plan_open(&reader.plan, kernel, needs, NEEDS, error);

	*list = (struct hadal_module_list){0};
	if (!result)
		result = read_modules(&reader, error);
	hadal_plan_close(&reader.plan);
	return result;
}

const struct hadal_range *hadal_module_part(const struct hadal_module *module, uint64_t address)
{
	for (uint32_t i = 0; i < module->part_count; i++)
		if (address >= module->parts[i].start && address < module->parts[i].end)
			return &module->parts[i];
	return NULL;
}

void hadal_modules_free(struct hadal_module_list *list)
{
	free(list->items);
	*list = (struct hadal_module_list){0};
}

const char *hadal_module_state_name(enum hadal_module_state state)
{
	static const char *const names[] = {
		[HADAL_MODULE_LIVE] = "Live",
		[HADAL_MODULE_LOADING] = "Loading",
		[HADAL_MODULE_UNLOADING] = "Unloading",
		[HADAL_MODULE_UNFORMED] = "Unformed",
	};

	return state <= HADAL_MODULE_UNFORMED ? names[state] : "?";
}
