// SPDX-License-Identifier: MIT
/*
 * Parses and evaluates in one go, by recursive descent:
 *   sum     = unary { ("+" | "-") unary }
 *   unary   = ("*" | "&" | "-") unary | "(" type ")" unary | postfix
 *   postfix = primary { ("." | "->") name | "[" sum "]" }
 *   primary = number | name | "(" sum ")" | function "(" arguments ")"
 */
#include "show/expression.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>

/* Of sums, casts and stars inside each other. */
#define MAX_DEPTH 64

static int parse_unary(struct expression *expression, struct hadal_value *value);

void expression_next(struct expression *expression)
{
	hadal_token_read(expression->token.end, &expression->token);
}

bool expression_is(const struct expression *expression, char sign)
{
	return expression->token.kind == HADAL_TOKEN_SIGN && expression->token.sign == sign;
}

bool expression_take(struct expression *expression, char sign)
{
	if (!expression_is(expression, sign))
		return false;
	expression_next(expression);
	return true;
}

int expression_wrong(struct expression *expression, const char *expected)
{
	const struct hadal_token *token = &expression->token;

	if (token->kind == HADAL_TOKEN_END)
		return hadal_fail(expression->error, EINVAL,
				  "The expression ends where %s is expected", expected);
	return hadal_fail(expression->error, EINVAL,
			  "The expression has '%.40s' where %s is expected", token->start,
			  expected);
}

int expression_expect(struct expression *expression, char sign)
{
	char expected[] = {'\'', sign, '\'', '\0'};

	return expression_take(expression, sign) ? 0 : expression_wrong(expression, expected);
}

static void describe(const struct expression *expression, const struct hadal_value *value,
		     char text[HADAL_DECLARATION_MAX])
{
	hadal_value_declare(expression->types, &value->type, text);
}

/* The number that a scalar is; an array and a function are their addresses. */
int expression_load(struct expression *expression, const struct hadal_value *value,
		    uint64_t *number)
{
	uint32_t id = value->type.id;
	const struct btf_type *type = hadal_types_resolved(expression->types, &id);
	size_t len = hadal_scalar_bytes(expression->types, value);
	uint8_t bytes[HADAL_SCALAR_MAX];
	char text[HADAL_DECLARATION_MAX];

	*number = value->in_memory ? value->address : value->number;
	if (!value->in_memory ||
	    (!value->type.pointers && type && (btf_is_array(type) || btf_is_func_proto(type))))
		return 0;
	describe(expression, value, text);
	if (!len && !value->type.id)
		return hadal_value_untyped(value, expression->error);
	if (!len)
		return hadal_fail(expression->error, EINVAL, "A %s is no number and no pointer",
				  text);
	if (hadal_space_read_exact(expression->space, value->address, bytes, len))
		return hadal_fail(expression->error, EFAULT,
				  "The %s at %#" PRIx64 " cannot be read: nothing is mapped there",
				  text, value->address);
	*number = hadal_scalar_number(expression->types, value, bytes);
	return 0;
}

static int dereference(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value_type target;
	char text[HADAL_DECLARATION_MAX];
	uint64_t address;
	int error;

	if (!hadal_value_target(expression->types, &value->type, &target)) {
		describe(expression, value, text);
		return hadal_fail(expression->error, EINVAL,
				  "A %s points to nothing of a known type; cast it, as in "
				  "*(struct list_head *)ADDRESS",
				  value->type.id || value->type.pointers ? text : "number");
	}
	error = expression_load(expression, value, &address);
	*value = (struct hadal_value){.type = target, .in_memory = true, .address = address};
	return error;
}

static int address_of(struct expression *expression, struct hadal_value *value)
{
	if (!value->in_memory || value->bit_count)
		return hadal_fail(expression->error, EINVAL, "A %s has no address",
				  value->in_memory ? "bit-field" : "number");
	value->type.pointers++;
	value->in_memory = false;
	value->number = value->address;
	return 0;
}

/* Goes to a member; from a pointer to a structure to that of the structure. */
int expression_enter_member(struct expression *expression, struct hadal_value *value,
			    const char *name)
{
	uint32_t id = value->type.id;
	const struct btf_type *type = hadal_types_resolved(expression->types, &id);
	char text[HADAL_DECLARATION_MAX];
	struct hadal_field field;
	int error;

	if (value->type.pointers || !type || !btf_is_composite(type)) {
		error = dereference(expression, value);
		if (error)
			return error;
		id = value->type.id;
		type = hadal_types_resolved(expression->types, &id);
	}
	describe(expression, value, text);
	if (value->type.pointers || !type || !btf_is_composite(type) ||
	    hadal_types_member(expression->types, id, name, &field))
		return hadal_fail(expression->error, ENOENT, "A %s has no member %s", text, name);
	*value = (struct hadal_value){
		.type = {.id = field.type},
		.in_memory = true,
		.address = value->address + field.offset,
		.bit_first = field.bit_first,
		.bit_count = field.bit_count,
	};
	return 0;
}

/* Adds to a pointer by the size of what it points to, as C does; other things are numbers. */
static int add(struct expression *expression, struct hadal_value *value, uint64_t amount)
{
	struct hadal_value_type target;
	uint64_t number;
	int error = expression_load(expression, value, &number);

	if (error)
		return error;
	if (hadal_value_target(expression->types, &value->type, &target)) {
		uint64_t size = hadal_value_size(expression->types, &target);

		number += amount * (size ? size : 1);
		*value = (struct hadal_value){.type = target, .number = number};
		value->type.pointers++;
	} else {
		/* A pointer to void stays one. */
		*value = (struct hadal_value){.type.pointers = value->type.pointers,
					      .number = number + amount};
	}
	return 0;
}

static int parse_index(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value index;
	uint64_t number;
	int error = expression_sum(expression, &index);

	if (!error)
		error = expression_load(expression, &index, &number);
	if (!error)
		error = expression_expect(expression, ']');
	if (!error)
		error = add(expression, value, number);
	return error ? error : dereference(expression, value);
}

static int parse_primary(struct expression *expression, struct hadal_value *value)
{
	int error;

	if (expression->token.kind == HADAL_TOKEN_NUMBER) {
		*value = (struct hadal_value){.number = expression->token.number};
		expression_next(expression);
		return 0;
	}
	if (expression->token.kind == HADAL_TOKEN_NAME)
		return expression_name(expression, value);
	if (!expression_take(expression, '('))
		return expression_wrong(expression, "a symbol or a number");
	error = expression_sum(expression, value);
	return error ? error : expression_expect(expression, ')');
}

static int parse_postfix(struct expression *expression, struct hadal_value *value)
{
	int error = parse_primary(expression, value);

	while (!error) {
		if (expression_take(expression, '[')) {
			error = parse_index(expression, value);
			continue;
		}
		if (!expression_is(expression, '.') && expression->token.kind != HADAL_TOKEN_ARROW)
			break;
		expression_next(expression);
		if (expression->token.kind != HADAL_TOKEN_NAME)
			return expression_wrong(expression, "the name of a member");
		error = expression_enter_member(expression, value, expression->token.name);
		expression_next(expression);
	}
	return error;
}

static bool is_scalar(const struct expression *expression, const struct hadal_value_type *type)
{
	return hadal_scalar_bytes(expression->types, &(struct hadal_value){.type = *type});
}

/*
 * A cast of a symbol without a type says its type, and one to a structure that of what is there; of
 * other things it makes numbers.
 */
static int parse_cast(struct expression *expression, struct hadal_value *value)
{
	struct hadal_value_type type;
	char text[HADAL_DECLARATION_MAX];
	uint64_t number;
	int error = expression_type(expression, &type);

	if (!error)
		error = expression_expect(expression, ')');
	if (!error)
		error = parse_unary(expression, value);
	if (error)
		return error;
	if (value->in_memory &&
	    ((!value->type.id && !value->type.pointers) || !is_scalar(expression, &type))) {
		value->type = type;
		return 0;
	}
	error = expression_load(expression, value, &number);
	if (error)
		return error;
	*value = (struct hadal_value){.type = type};
	describe(expression, value, text);
	if (!hadal_scalar_bytes(expression->types, value))
		return hadal_fail(expression->error, EINVAL,
				  "A number cannot become a %s; say *(%s *)ADDRESS", text, text);
	value->number = hadal_scalar_number(expression->types, value, (uint8_t *)&number);
	return 0;
}

static int parse_sign(struct expression *expression, char sign, struct hadal_value *value)
{
	uint64_t number;
	int error = parse_unary(expression, value);

	if (error)
		return error;
	if (sign == '*')
		return dereference(expression, value);
	if (sign == '&')
		return address_of(expression, value);
	error = expression_load(expression, value, &number);
	*value = (struct hadal_value){.number = -number};
	return error;
}

static int parse_unary(struct expression *expression, struct hadal_value *value)
{
	char sign = expression->token.kind == HADAL_TOKEN_SIGN ? expression->token.sign : '\0';
	int error;

	if (++expression->depth > MAX_DEPTH)
		return hadal_fail(expression->error, EINVAL, "The expression is nested too deeply");
	if (sign == '*' || sign == '&' || sign == '-') {
		expression_next(expression);
		error = parse_sign(expression, sign, value);
	} else if (sign == '(' && expression_begins_cast(expression)) {
		expression_next(expression);
		error = parse_cast(expression, value);
	} else {
		error = parse_postfix(expression, value);
	}
	expression->depth--;
	return error;
}

int expression_sum(struct expression *expression, struct hadal_value *value)
{
	int error = parse_unary(expression, value);

	while (!error && (expression_is(expression, '+') || expression_is(expression, '-'))) {
		bool minus = expression->token.sign == '-';
		struct hadal_value other;
		uint64_t number;

		expression_next(expression);
		error = parse_unary(expression, &other);
		if (!error)
			error = expression_load(expression, &other, &number);
		if (!error)
			error = add(expression, value, minus ? -number : number);
	}
	return error;
}

int hadal_value_evaluate(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
			 const char *text, struct hadal_value *value, struct hadal_error *error)
{
	struct expression expression = {
		.kernel = kernel,
		.space = hadal_kernel_space(kernel),
		.types = hadal_kernel_types(kernel, error),
		.symbolizer = symbolizer,
		.error = error,
	};
	int result;

	if (!expression.types)
		return -ENOENT;
	hadal_space_flush(expression.space);
	hadal_token_read(text, &expression.token);
	result = expression_sum(&expression, value);
	if (!result && expression.token.kind != HADAL_TOKEN_END)
		result = expression_wrong(&expression, "an operator or its end");
	value->types = expression.types;
	return result;
}
