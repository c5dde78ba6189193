// SPDX-License-Identifier: MIT
#include "system/module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/object.h"

/* Bounds the walk of a damaged list; the 1.5 GiB of module space hold fewer pages. */
#define MODULE_LIMIT 400000u
/* struct module_memory mem[] has 7 kinds in 6.12. */
#define MAX_PARTS 16u
/* Linux counts one reference more than there are users (MODULE_REF_BASE). */
#define REFERENCE_BASE 1

enum module_field {
	LIST,
	NAME,
	STATE,
	REFERENCES,
	/* Up to 6.3: one layout for what stays and one for what is freed after the start. */
	CORE_BASE,
	CORE_SIZE,
	INIT_SIZE,
	/* From 6.4 on: an array of parts, of which the first is the text. */
	PARTS,
	PART_BASE,
	PART_SIZE,
	FIELDS
};

static const struct hadal_field_request requests[FIELDS] = {
	[LIST] = {"module", {"list"}, false},
	[NAME] = {"module", {"name"}, false},
	[STATE] = {"module", {"state"}, false},
	[REFERENCES] = {"module", {"refcnt"}, true},
	[CORE_BASE] = {"module", {"core_layout.base"}, true},
	[CORE_SIZE] = {"module", {"core_layout.size"}, true},
	[INIT_SIZE] = {"module", {"init_layout.size"}, true},
	[PARTS] = {"module", {"mem"}, true},
	[PART_BASE] = {"module", {"mem[0].base"}, true},
	[PART_SIZE] = {"module", {"mem[0].size"}, true},
};

struct module_reader {
	struct hadal_field fields[FIELDS];
	struct hadal_object module;
	struct hadal_module_list *list;
	size_t capacity;
};

static uint64_t module_size(const struct module_reader *reader)
{
	const struct hadal_object *module = &reader->module;
	const struct hadal_field *parts = &reader->fields[PARTS];
	uint64_t size = 0;

	if (!parts->size)
		return hadal_object_value(module, CORE_SIZE) +
		       hadal_object_value(module, INIT_SIZE);
	for (uint32_t i = 0; i < parts->count; i++) {
		struct hadal_field part = reader->fields[PART_SIZE];

		part.offset += i * (parts->size / parts->count);
		size += hadal_field_value(&part, module->copy, module->start, module->len);
	}
	return size;
}

static int visit_module(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct module_reader *reader = ctx;
	struct hadal_object *module = &reader->module;
	char name[HADAL_MODULE_NAME_MAX];
	struct hadal_module *item;
	int error = hadal_object_read(module, node - reader->fields[LIST].offset);

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
		.base = hadal_object_value(module,
					   reader->fields[PARTS].size ? PART_BASE : CORE_BASE),
		.size = module_size(reader),
		.references = (int32_t)hadal_object_value(module, REFERENCES) - REFERENCE_BASE,
		.state = hadal_object_value(module, STATE),
	};
	memcpy(item->name, name, sizeof(name));
	return 0;
}

/* The fields must be ones that the code above can read. */
static int check_fields(const struct hadal_field *fields, struct hadal_error *error)
{
	const struct hadal_field *parts = &fields[PARTS];

	if (!parts->size && !fields[CORE_BASE].size)
		return hadal_fail(
			error, ENOENT,
			"This kernel's struct module has neither core_layout nor mem; its "
			"version is not one that Hadal knows");
	if ((parts->size && (!parts->count || parts->count > MAX_PARTS)) ||
	    fields[LIST].size != sizeof(struct hadal_links))
		return hadal_fail(
			error, EINVAL,
			"This kernel's type information describes no sound struct module");
	return 0;
}

int hadal_modules(struct hadal_kernel *kernel, struct hadal_module_list *list,
		  struct hadal_error *error)
{
	struct hadal_space *space = hadal_kernel_space(kernel);
	struct module_reader reader = {.list = list};
	struct hadal_lookup modules = {.name = "modules"};
	int result;

	*list = (struct hadal_module_list){0};
	result = hadal_kernel_lookup(kernel, &modules, 1, error);
	if (!result)
		result = hadal_kernel_fields(kernel, requests, FIELDS, reader.fields, error);
	if (!result)
		result = check_fields(reader.fields, error);
	if (!result)
		result = hadal_object_init(&reader.module, space, reader.fields, FIELDS,
					   "struct module", error);
	if (result)
		return result;
	hadal_space_flush(space);
	result = hadal_list_walk(space, modules.address, MODULE_LIMIT, visit_module, &reader,
				 &list->lost);
	hadal_object_free(&reader.module);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the list of modules: %s",
				  strerror(abs(result)));
	return 0;
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
