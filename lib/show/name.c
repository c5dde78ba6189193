// SPDX-License-Identifier: MIT
/* Names in expressions: symbols, enumerators, and what looks like a function. */
#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "show/expression.h"

/* NR_CPUS of the largest kernels. */
#define MAX_CPUS 8192

/*
 * Per-CPU variables lie between these symbols, at the addresses of a template; those of modules
 * anywhere below the kernel.
 */
static bool is_per_cpu(struct expression *expression, uint64_t address)
{
	uint64_t start = 0, end = 0;

	/* The start is 0 in older kernels, where a symbol at 0 is not told from none. */
	expression_find_symbol(expression, "__per_cpu_start", &start);
	expression_find_symbol(expression, "__per_cpu_end", &end);
	return address >= start && address < (expression->module ? HADAL_IMAGE_MIN : end);
}

/* The type of a symbol that was found, which may be MODULE:NAME; 0 when it has none. */
static uint32_t own_type(const struct expression *expression, const char *name, uint32_t kind)
{
	const char *colon = strchr(name, ':');

	return hadal_types_find(expression->types, colon ? colon + 1 : name, kind);
}

/* per_cpu(variable, cpu) */
static int parse_per_cpu(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value cpu;
	uint64_t number, offsets, offset;
	uint32_t id = 0;
	int error;

	if (expression->token.kind == HADAL_TOKEN_NAME &&
	    !expression_find_symbol(expression, expression->token.name, &number))
		id = own_type(expression, expression->token.name, BTF_KIND_VAR);
	if (!id || expression_find_symbol(expression, "__per_cpu_offset", &offsets))
		return expression_wrong(expression, "a per-CPU variable");
	*value = (struct hadal_value){
		.type.id = btf__type_by_id(hadal_types_btf(expression->types), id)->type,
		.in_memory = true,
		.address = number,
	};
	expression_next(expression);
	error = expression_expect(expression, ',');
	if (!error)
		error = expression_sum(expression, &cpu);
	if (!error)
		error = expression_load(expression, &cpu, &number);
	if (error)
		return error;
	/* CPUs that cannot be have no offset of their own. */
	if (number >= MAX_CPUS ||
	    hadal_space_read_u64(expression->space, offsets + 8 * number, &offset))
		return hadal_fail(expression->error, ENOENT, "There is no CPU %" PRIu64, number);
	value->address += offset;
	return expression_expect(expression, ')');
}

/* container_of(pointer, type, member) */
static int parse_container_of(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value container = {.in_memory = true};
	uint64_t address;
	int error = expression_sum(expression, value);

	if (!error)
		error = expression_load(expression, value, &address);
	if (!error)
		error = expression_expect(expression, ',');
	if (!error)
		error = expression_type(expression, &container.type);
	if (!error)
		error = expression_expect(expression, ',');
	if (error)
		return error;
	*value = (struct hadal_value){.type = container.type, .number = address};
	value->type.pointers++;
	do {
		if (expression->token.kind != HADAL_TOKEN_NAME || container.type.pointers)
			return expression_wrong(expression, "a structure and its member");
		error = expression_enter_member(expression, &container, expression->token.name);
		if (error)
			return error;
		expression_next(expression);
	} while (expression_take(expression, '.'));
	value->number -= container.address;
	return expression_expect(expression, ')');
}

static int parse_sizeof(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value_type type;
	int error = expression_type(expression, &type);

	*value = (struct hadal_value){.number = hadal_value_size(expression->types, &type)};
	return error ? error : expression_expect(expression, ')');
}

static int find_name(struct expression *expression, const char *name, struct hadal_value *value)
{
	uint32_t variable, function;
	bool pointer = false;
	int64_t number;

	*value = (struct hadal_value){.in_memory = true};
	if (expression_find_symbol(expression, name, &value->address)) {
		*value = (struct hadal_value){0};
		if (!expression->problem.text[0] &&
		    !expression_find_enumerator(expression, name, &number)) {
			value->number = number;
			return 0;
		}
		return hadal_fail(expression->error, ENOENT,
				  "This kernel has no symbol and no enumerator %s%s%s", name,
				  expression->problem.text[0] ? ". " : "",
				  expression->problem.text);
	}
	variable = own_type(expression, name, BTF_KIND_VAR);
	function = variable ? 0 : own_type(expression, name, BTF_KIND_FUNC);
	if (variable && is_per_cpu(expression, value->address))
		return hadal_fail(expression->error, EINVAL,
				  "%s is there once for each CPU: say per_cpu(%s, CPU)", name,
				  name);
	if (variable || function)
		value->type.id = btf__type_by_id(hadal_types_btf(expression->types),
						 variable ? variable : function)
					 ->type;
	else
		value->type.id = hadal_types_variable(expression->types, name, &pointer);
	value->type.pointers = pointer;
	return 0;
}

int expression_name(struct expression *expression, struct hadal_value *value)
{
	static const struct {
		const char *name;
		int (*parse)(struct expression *expression, struct hadal_value *value);
	} functions[] = {
		{"per_cpu", parse_per_cpu},
		{"container_of", parse_container_of},
		{"sizeof", parse_sizeof},
	};
	char name[HADAL_TOKEN_NAME_MAX];

	strcpy(name, expression->token.name);
	expression_next(expression);
	for (size_t i = 0; expression_is(expression, '(') && i < 3; i++) {
		if (strcmp(functions[i].name, name))
			continue;
		expression_next(expression);
		return functions[i].parse(expression, value);
	}
	return find_name(expression, name, value);
}
