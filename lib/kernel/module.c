// SPDX-License-Identifier: MIT
#include "module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"

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
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	size_t len; /* of a struct module up to its last member read */
	uint8_t *copy;
	struct hadal_module_list *list;
	size_t capacity;
};

static uint64_t module_value(const struct module_reader *reader, enum module_field field)
{
	return hadal_field_value(&reader->fields[field], reader->copy, 0, reader->len);
}

static uint64_t module_size(const struct module_reader *reader)
{
	const struct hadal_field *parts = &reader->fields[PARTS];
	uint64_t size = 0;

	if (!parts->size)
		return module_value(reader, CORE_SIZE) + module_value(reader, INIT_SIZE);
	for (uint32_t i = 0; i < parts->count; i++) {
		struct hadal_field part = reader->fields[PART_SIZE];

		part.offset += i * (parts->size / parts->count);
		size += hadal_field_value(&part, reader->copy, 0, reader->len);
	}
	return size;
}

static struct hadal_module *append(struct module_reader *reader)
{
	struct hadal_module_list *list = reader->list;
	struct hadal_module *items =
		hadal_list_grow(list->items, list->count, &reader->capacity, sizeof(*items));

	if (!items)
		return NULL;
	list->items = items;
	return &items[list->count++];
}

static int visit_module(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct module_reader *reader = ctx;
	const struct hadal_field *name = &reader->fields[NAME];
	uint64_t address = node - reader->fields[LIST].offset;
	struct hadal_module *module;
	int error = hadal_space_read_exact(reader->space, address, reader->copy, reader->len);

	if (error)
		return error;
	if (!reader->copy[name->offset] || !memchr(reader->copy + name->offset, '\0', name->size) ||
	    module_value(reader, STATE) > HADAL_MODULE_UNFORMED)
		return -EINVAL;
	memcpy(links, reader->copy + reader->fields[LIST].offset, sizeof(*links));
	module = append(reader);
	if (!module)
		return ENOMEM;
	*module = (struct hadal_module){
		.address = address,
		.base = module_value(reader, reader->fields[PARTS].size ? PART_BASE : CORE_BASE),
		.size = module_size(reader),
		.references = (int32_t)module_value(reader, REFERENCES) - REFERENCE_BASE,
		.state = module_value(reader, STATE),
	};
	strncpy(module->name, (const char *)reader->copy + name->offset, sizeof(module->name) - 1);
	return 0;
}

/* The fields must be ones that the code above can read, and lie in a bounded copy. */
static int prepare_copy(struct module_reader *reader, struct hadal_error *error)
{
	const struct hadal_field *parts = &reader->fields[PARTS];

	if (!parts->size && !reader->fields[CORE_BASE].size)
		return hadal_fail(
			error, ENOENT,
			"This kernel's struct module has neither core_layout nor mem; its "
			"version is not one that Hadal knows");
	for (size_t i = 0; i < FIELDS; i++) {
		const struct hadal_field *field = &reader->fields[i];

		if (field->size && field->offset + (uint64_t)field->size > reader->len)
			reader->len = field->offset + (uint64_t)field->size;
	}
	if (reader->len > (64u << 10) ||
	    (parts->size && (!parts->count || parts->count > MAX_PARTS)) ||
	    reader->fields[LIST].size != sizeof(struct hadal_links))
		return hadal_fail(
			error, EINVAL,
			"This kernel's type information describes no sound struct module");
	reader->copy = malloc(reader->len);
	return reader->copy ? 0 : hadal_fail(error, ENOMEM, "Out of memory");
}

int hadal_modules(struct hadal_kernel *kernel, struct hadal_module_list *list,
		  struct hadal_error *error)
{
	struct module_reader reader = {.space = hadal_kernel_space(kernel), .list = list};
	struct hadal_lookup modules = {.name = "modules"};
	int result;

	*list = (struct hadal_module_list){0};
	result = hadal_kernel_lookup(kernel, &modules, 1, error);
	if (!result)
		result = hadal_kernel_fields(kernel, requests, FIELDS, reader.fields, error);
	if (!result)
		result = prepare_copy(&reader, error);
	if (result)
		return result;
	hadal_space_flush(reader.space);
	result = hadal_list_walk(reader.space, modules.address, MODULE_LIMIT, visit_module, &reader,
				 &list->lost);
	free(reader.copy);
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
