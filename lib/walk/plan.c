// SPDX-License-Identifier: MIT
/* Opening what a reader needs of a kernel, all at once. */
#include "walk/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool hadal_plan_has(const struct hadal_plan *plan, size_t need)
{
	const struct hadal_field *field = &plan->fields[need];

	/* An array at a structure's end may have no size, but is never at its start. */
	return plan->symbols[need] || field->size || field->offset;
}

/* Is this one looked for in this kernel? */
static bool applies(const struct hadal_plan *plan, const struct hadal_need *need)
{
	return (!need->with || hadal_plan_has(plan, need->with - 1)) &&
	       (!need->without || !hadal_plan_has(plan, need->without - 1));
}

static int fail_member(const struct hadal_plan *plan, const struct hadal_need *need,
		       struct hadal_error *error)
{
	const struct hadal_need *other = need->without ? &plan->needs[need->without - 1] : NULL;

	if (other && other->type && !strcmp(other->type, need->type))
		return hadal_fail(error, ENOENT,
				  "This kernel's struct %s has neither %s nor %s; its version is "
				  "not one that Hadal knows",
				  need->type, other->names[0], need->names[0]);
	return hadal_fail(error, ENOENT,
			  "This kernel's struct %s has no member %s; its version is not one that "
			  "Hadal knows",
			  need->type, need->names[0]);
}

static int fail_type(const char *type, struct hadal_error *error)
{
	return hadal_fail(error, EINVAL,
			  "This kernel's type information describes no sound struct %s", type);
}

static int find_members(struct hadal_plan *plan, struct hadal_error *error)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct hadal_need *need = &plan->needs[i];
		const struct hadal_field_request request = {
			need->type, {need->names[0], need->names[1], need->names[2]}, true};
		int result;

		if (need->kind != HADAL_NEED_MEMBER || !applies(plan, need))
			continue;
		result = hadal_kernel_fields(plan->kernel, &request, 1, &plan->fields[i], error);
		if (result)
			return result;
		if (!hadal_plan_has(plan, i)) {
			if (!need->optional)
				return fail_member(plan, need, error);
		} else if (need->size && plan->fields[i].size != need->size) {
			return fail_type(need->type, error);
		}
	}
	return 0;
}

static bool is_symbol(const struct hadal_plan *plan, size_t i, bool optional)
{
	const struct hadal_need *need = &plan->needs[i];

	return need->kind == HADAL_NEED_SYMBOL && need->optional == optional && applies(plan, need);
}

/* Looks for all symbols that must be there, or for all others, at once: that is one pass. */
static int find_symbols(struct hadal_plan *plan, bool optional, struct hadal_lookup *lookups,
			struct hadal_error *error)
{
	size_t count = 0;
	int result;

	for (size_t i = 0; i < plan->count; i++)
		if (is_symbol(plan, i, optional))
			lookups[count++] = (struct hadal_lookup){.name = plan->needs[i].names[0]};
	if (!count)
		return 0;
	result = hadal_kernel_lookup(plan->kernel, lookups, count, optional ? NULL : error);
	if (result && !optional)
		return result;
	for (size_t i = plan->count; i-- > 0;)
		if (is_symbol(plan, i, optional))
			plan->symbols[i] = lookups[--count].address;
	return 0;
}

/* The part of an object that has its members. */
static int prepare_object(struct hadal_plan *plan, size_t object, struct hadal_error *error)
{
	const char *type = plan->needs[object].type;
	uint64_t start = UINT64_MAX, end = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct hadal_field *field = &plan->fields[i];
		uint64_t field_end = field->offset + (uint64_t)hadal_field_bytes(field);

		if (!field->size || strcmp(plan->needs[i].type, type))
			continue;
		if (field->offset < start)
			start = field->offset;
		if (field_end > end)
			end = field_end;
	}
	if (start >= end || end - start > HADAL_OBJECT_MAX)
		return fail_type(type, error);
	plan->objects[object] = (struct hadal_object){
		.space = plan->space,
		.fields = plan->fields,
		.start = start,
		.len = end - start,
		.copy = malloc(end - start),
	};
	return plan->objects[object].copy ? 0 : hadal_fail(error, ENOMEM, "Out of memory");
}

static int open_plan(struct hadal_plan *plan, struct hadal_lookup *lookups,
		     struct hadal_error *error)
{
	int result = find_members(plan, error);

	if (!result)
		result = find_symbols(plan, false, lookups, error);
	if (!result)
		result = find_symbols(plan, true, lookups, error);
	for (size_t i = 0; !result && i < plan->count; i++)
		if (plan->needs[i].kind == HADAL_NEED_OBJECT)
			result = prepare_object(plan, i, error);
	return result;
}

int hadal_plan_open(struct hadal_plan *plan, struct hadal_kernel *kernel,
		    const struct hadal_need *needs, size_t count, struct hadal_error *error)
{
	struct hadal_lookup *lookups = calloc(count, sizeof(*lookups));
	int result;

	*plan = (struct hadal_plan){
		.kernel = kernel,
		.space = hadal_kernel_space(kernel),
		.needs = needs,
		.count = count,
		.fields = calloc(count, sizeof(*plan->fields)),
		.symbols = calloc(count, sizeof(*plan->symbols)),
		.objects = calloc(count, sizeof(*plan->objects)),
	};
	if (lookups && plan->fields && plan->symbols && plan->objects)
		result = open_plan(plan, lookups, error);
	else
		result = hadal_fail(error, ENOMEM, "Out of memory");
	free(lookups);
	return result;
}

void hadal_plan_close(struct hadal_plan *plan)
{
	for (size_t i = 0; plan->objects && i < plan->count; i++)
		free(plan->objects[i].copy);
	free(plan->objects);
	free(plan->symbols);
	free(plan->fields);
	*plan = (struct hadal_plan){0};
}

uint64_t hadal_plan_read(const struct hadal_plan *plan, size_t member, uint64_t address)
{
	return hadal_field_read(plan->space, &plan->fields[member], address);
}
