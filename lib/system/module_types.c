// SPDX-License-Identifier: MIT
/* The types of modules: BTF that goes on behind the kernel's own. */
#include "system/module_types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

/* Bounds the walk of a damaged list. */
#define MODULE_LIMIT 65536u
/* BTF_MAX_SIZE of the kernel for one module, and far more than all of a kernel have. */
#define BLOB_MAX  (16u << 20)
#define TOTAL_MAX (256u << 20)

enum need { MODULES, ENTRY, LIST, ENTRY_MODULE, ENTRY_BTF, BTF, DATA, DATA_SIZE, NAME, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[MODULES] = {HADAL_SYMBOL("btf_modules")},
	[ENTRY] = {HADAL_OBJECT("btf_module")},
	[LIST] = {HADAL_LIST_HEAD("btf_module", "list")},
	[ENTRY_MODULE] = {HADAL_MEMBER("btf_module", "module")},
	[ENTRY_BTF] = {HADAL_MEMBER("btf_module", "btf")},
	[BTF] = {HADAL_OBJECT("btf")},
	[DATA] = {HADAL_MEMBER("btf", "data")},
	[DATA_SIZE] = {HADAL_MEMBER("btf", "data_size")},
	[NAME] = {HADAL_MEMBER("btf", "name")},
};

struct reader {
	struct hadal_plan plan;
	const struct hadal_types *base;
	struct hadal_module_types *types;
	size_t capacity;
	uint64_t total; /* bytes loaded */
};

/* Returns NULL for a blob that is missing, too long or damaged. */
static struct hadal_types *load(struct reader *reader, uint64_t address, uint64_t size)
{
	struct hadal_types *types = NULL;
	uint8_t *blob;

	if (!size || size > BLOB_MAX || size > TOTAL_MAX - reader->total)
		return NULL;
	blob = malloc(size);
	if (!blob)
		return NULL;
	reader->total += size;
	if (!hadal_space_read_exact(reader->plan.space, address, blob, size))
		hadal_types_load_module(reader->base, blob, size, &types, NULL);
	free(blob);
	return types;
}

static int visit(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct reader *reader = ctx;
	struct hadal_object *entry = &reader->plan.objects[ENTRY];
	struct hadal_object *btf = &reader->plan.objects[BTF];
	struct hadal_module_type_set *item;
	struct hadal_types *types;
	char name[HADAL_MODULE_NAME_MAX];
	int error = hadal_object_read(entry, node - hadal_plan_offset(&reader->plan, LIST));

	if (error)
		return error;
	*links = hadal_object_links(entry, LIST);
	error = hadal_object_read(btf, hadal_object_value(entry, ENTRY_BTF));
	if (!error && hadal_object_string(btf, NAME, name, sizeof(name)) <= 0)
		error = -EINVAL;
	types = error ? NULL
		      : load(reader, hadal_object_value(btf, DATA),
			     hadal_object_value(btf, DATA_SIZE));
	if (!types) {
		reader->types->lost++;
		return 0;
	}
	item = HADAL_LIST_APPEND(reader->types, &reader->capacity);
	if (!item) {
		hadal_types_free(types);
		return ENOMEM;
	}
	*item = (struct hadal_module_type_set){
		.module = hadal_object_value(entry, ENTRY_MODULE),
		.types = types,
	};
	memcpy(item->name, name, sizeof(name));
	return 0;
}

static int read_all(struct reader *reader, struct hadal_error *error)
{
	const struct hadal_plan *plan = &reader->plan;
	int result;

	hadal_space_flush(plan->space);
	result = hadal_list_walk(plan->space, plan->symbols[MODULES], MODULE_LIMIT, visit, reader,
				 &reader->types->lost);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the types of modules: %s",
				  strerror(abs(result)));
	return 0;
}

int hadal_module_types(struct hadal_kernel *kernel, struct hadal_module_types *types,
		       struct hadal_error *error)
{
	struct hadal_lookup lookup = {.name = needs[MODULES].names[0]};
	struct reader reader = {.types = types};
	int result;

	*types = (struct hadal_module_types){0};
	reader.base = hadal_kernel_types(kernel, error);
	if (!reader.base)
		return -ENOENT;
	if (hadal_kernel_lookup(kernel, &lookup, 1, NULL))
		return hadal_fail(error, ENOENT,
				  "This kernel keeps no types of its modules: it was built without "
				  "CONFIG_DEBUG_INFO_BTF_MODULES");
	result = hadal_plan_open(&reader.plan, kernel, needs, NEEDS, error);
	if (!result)
		result = read_all(&reader, error);
	hadal_plan_close(&reader.plan);
	return result;
}

void hadal_module_types_free(struct hadal_module_types *types)
{
	for (size_t i = 0; i < types->count; i++)
		hadal_types_free(types->items[i].types);
	free(types->items);
	*types = (struct hadal_module_types){0};
}
