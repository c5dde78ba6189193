// SPDX-License-Identifier: MIT
/* Names in expressions: symbols, enumerators, and what looks like a function. */
#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "show/expression.h"

/* NR_CPUS of the largest kernels. */
#define MAX_CPUS 8192

static int find_symbol(struct expression *expression, const char *name, uint64_t *address)
{
	struct hadal_lookup lookup = {.name = name};

	if (hadal_kernel_lookup(expression->kernel, &lookup, 1, NULL))
		return -ENOENT;
	*address = lookup.address;
	return 0;
}

/* Per-CPU variables lie between these symbols, at the addresses of a template. */
static bool is_per_cpu(struct expression *expression, uint64_t address)
{
	uint64_t start = 0, end = 0;

	/* The start is 0 in older kernels, where a symbol at 0 is not told from none. */
	find_symbol(expression, "__per_cpu_start", &start);
	find_symbol(expression, "__per_cpu_end", &end);
	return address >= start && address < end;
}

/* per_cpu(variable, cpu) */
static int parse_per_cpu(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value cpu;
	uint64_t number, offsets, offset;
	int32_t id = -1;
	int error;

	if (expression->token.kind == HADAL_TOKEN_NAME)
		id = btf__find_by_name_kind(hadal_types_btf(expression->types),
					    expression->token.name, BTF_KIND_VAR);
	if (id < 0 || find_symbol(expression, expression->token.name, &number) ||
	    find_symbol(expression, "__per_cpu_offset", &offsets))
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
	const struct btf *btf = hadal_types_btf(expression->types);
	int32_t variable = btf__find_by_name_kind(btf, name, BTF_KIND_VAR);
	int32_t function = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	bool pointer = false;
	int64_t number;

	*value = (struct hadal_value){.in_memory = true};
	if (find_symbol(expression, name, &value->address)) {
		*value = (struct hadal_value){0};
		if (!hadal_types_enum(expression->types, name, &number)) {
			value->number = number;
			return 0;
		}
		return hadal_fail(expression->error, ENOENT,
				  "This kernel has no symbol and no enumerator %s", name);
	}
	if (variable > 0 && is_per_cpu(expression, value->address))
		return hadal_fail(expression->error, EINVAL,
				  "%s is there once for each CPU: say per_cpu(%s, CPU)", name,
				  name);
	if (variable > 0 || function > 0)
		value->type.id = btf__type_by_id(btf, variable > 0 ? variable : function)->type;
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
