// SPDX-License-Identifier: MIT
/* What names in expressions stand for: of the kernel, or of a module. */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "show/expression.h"

/* The types of modules; NULL when there are none, which is a problem where a name needs them. */
static const struct hadal_module_types *all_types(struct expression *expression)
{
	if (!expression->symbolizer)
		return NULL;
	return hadal_symbolizer_types(expression->symbolizer, &expression->problem);
}

/* Ids mean something in the kernel's and one module's types together, so that there is but one. */
static bool use_module(struct expression *expression, const struct hadal_module_type_set *set)
{
	if (expression->module && strcmp(expression->module, set->name)) {
		hadal_fail(
			&expression->problem, ENOENT,
			"An expression can have types of one module only, and has those of %s and "
			"%s",
			expression->module, set->name);
		return false;
	}
	expression->module = set->name;
	expression->types = set->types;
	return true;
}

static bool is_named(const struct hadal_module_type_set *set, const char *name, size_t len)
{
	return strlen(set->name) == len && !strncmp(set->name, name, len);
}

/* What finds something in the types of one module alone; 0 for nothing. */
typedef uint32_t (*find_own)(const struct hadal_types *types, const char *name, void *ctx);

/* Looks through the modules, or only that of MODULE:NAME. More than one that has it is a problem.
 */
static uint32_t find_in_modules(struct expression *expression, const char *name, find_own find,
				void *ctx)
{
	const struct hadal_module_types *all = all_types(expression);
	const struct hadal_module_type_set *found = NULL;
	const char *colon = strchr(name, ':'), *own = colon ? colon + 1 : name;

	for (size_t i = 0; all && i < all->count; i++) {
		const struct hadal_module_type_set *set = &all->items[i];

		if ((colon && !is_named(set, name, colon - name)) || !find(set->types, own, ctx))
			continue;
		if (found) {
			hadal_fail(&expression->problem, ENOENT,
				   "The modules %s and %s both have %s: say which, as %s:%s",
				   found->name, set->name, own, found->name, own);
			return 0;
		}
		found = set;
	}
	return found && use_module(expression, found) ? find(found->types, own, ctx) : 0;
}

static uint32_t find_type(const struct hadal_types *types, const char *name, void *ctx)
{
	return hadal_types_find_own(types, name, *(const uint32_t *)ctx);
}

uint32_t expression_find_type(struct expression *expression, const char *name, uint32_t kind)
{
	uint32_t id = strchr(name, ':') ? 0 : hadal_types_find(expression->types, name, kind);

	return id ? id : find_in_modules(expression, name, find_type, &kind);
}

static uint32_t find_enumerator(const struct hadal_types *types, const char *name, void *ctx)
{
	return !hadal_types_enum_own(types, name, ctx);
}

int expression_find_enumerator(struct expression *expression, const char *name, int64_t *value)
{
	if (!strchr(name, ':') && !hadal_types_enum(expression->types, name, value))
		return 0;
	return find_in_modules(expression, name, find_enumerator, value) ? 0 : -ENOENT;
}

/* A symbol of a module has a type only if the module tells types. */
static void use_types_of(struct expression *expression, const struct hadal_module *module)
{
	const struct hadal_module_types *all = all_types(expression);

	for (size_t i = 0; all && i < all->count; i++)
		if (all->items[i].module == module->address)
			use_module(expression, &all->items[i]);
	expression->problem.text[0] = '\0';
}

int expression_find_symbol(struct expression *expression, const char *name, uint64_t *address)
{
	struct hadal_lookup lookup = {.name = name};
	struct hadal_symbol_place place;
	size_t count;

	if (!strchr(name, ':') && !hadal_kernel_lookup(expression->kernel, &lookup, 1, NULL)) {
		*address = lookup.address;
		return 0;
	}
	if (!expression->symbolizer ||
	    !hadal_symbol_find(expression->symbolizer, name, &place, &count))
		return -ENOENT;
	if (count > 1) {
		hadal_fail(&expression->problem, ENOENT,
			   "Several symbols of modules are called %s: say which, as MODULE:%s",
			   name, name);
		return -ENOENT;
	}
	if (place.module)
		use_types_of(expression, place.module);
	*address = place.symbol.address;
	return 0;
}
