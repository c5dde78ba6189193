// SPDX-License-Identifier: MIT
/* Going through a value with all that is in it. */
#include "show/walk.h"

#include <bpf/btf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COPY_MAX  (1u << 20)
#define MAX_DEPTH 32
#define MAX_PARTS 1000000
/* As gdb: fewer are told one by one. */
#define FOLD_FROM 10

struct walk {
	struct hadal_space *space;
	const struct hadal_types *types;
	struct hadal_symbolizer *symbolizer;
	const struct hadal_walk_options *options;
	const struct hadal_value_visitor *visitor;
	unsigned budget; /* of parts */
	/* What was read of the object at the beginning. */
	uint64_t copy_at;
	size_t copy_len;
	uint8_t *copy;
};

static int walk_value(struct walk *walk, const char *name, const struct hadal_value *value,
		      unsigned depth);

static bool fetch(struct walk *walk, uint64_t address, void *bytes, size_t len)
{
	uint64_t offset = address - walk->copy_at;

	if (offset < walk->copy_len && len <= walk->copy_len - offset) {
		memcpy(bytes, walk->copy + offset, len);
		return true;
	}
	return !hadal_space_read_exact(walk->space, address, bytes, len);
}

/* Parts that cannot be read are told as such; that not even the first one can is an error. */
static int copy_object(struct walk *walk, const struct hadal_value *value,
		       struct hadal_error *error)
{
	uint64_t size = hadal_value_size(walk->types, &value->type);
	char text[HADAL_DECLARATION_MAX];
	ssize_t got;

	if (!value->in_memory || !size)
		return 0;
	if (size > COPY_MAX)
		size = COPY_MAX;
	walk->copy = malloc(size);
	if (!walk->copy)
		return hadal_fail(error, ENOMEM, "Out of memory");
	got = hadal_space_read(walk->space, value->address, walk->copy, size);
	walk->copy_at = value->address;
	walk->copy_len = got > 0 ? got : 0;
	if (got > 0)
		return 0;
	hadal_value_declare(walk->types, &value->type, text);
	return hadal_fail(error, EFAULT,
			  "The %s at %#" PRIx64 " cannot be read: nothing is mapped there", text,
			  value->address);
}

static const struct btf_type *resolved(const struct walk *walk, const struct hadal_value *value,
				       uint32_t *id)
{
	*id = value->type.id;
	return value->type.pointers ? NULL : hadal_types_resolved(walk->types, id);
}

static bool is_char(const struct walk *walk, const struct hadal_value_type *declared)
{
	uint32_t id = declared->id;
	const struct btf_type *type = hadal_types_resolved(walk->types, &id);

	return !declared->pointers && type && btf_is_int(type) && type->size == 1 &&
	       !strcmp(hadal_types_string(walk->types, type->name_off), "char");
}

static void tell(struct walk *walk, const char *name, struct hadal_leaf *leaf)
{
	if (!leaf->repeats)
		leaf->repeats = 1;
	if (!leaf->text_len)
		leaf->text_len = strlen(leaf->text);
	walk->visitor->leaf(walk->visitor->ctx, name, leaf);
}

static void name_enumerator(struct walk *walk, const struct btf_type *type, struct hadal_leaf *leaf)
{
	leaf->kind = HADAL_LEAF_ENUM;
	for (unsigned i = 0; i < btf_vlen(type); i++) {
		const char *name;
		int64_t value = hadal_types_enumerator(walk->types, type, i, &name);

		if ((uint64_t)value == leaf->number) {
			snprintf(leaf->text, sizeof(leaf->text), "%s", name);
			return;
		}
	}
}

static void describe_pointer(struct walk *walk, const struct hadal_value *value,
			     struct hadal_leaf *leaf)
{
	struct hadal_value_type target;

	leaf->kind = HADAL_LEAF_POINTER;
	hadal_symbolize(walk->symbolizer, leaf->number, leaf->text, sizeof(leaf->text));
	if (leaf->number && hadal_value_target(walk->types, &value->type, &target) &&
	    is_char(walk, &target)) {
		ssize_t len = hadal_space_read_string(walk->space, leaf->number, leaf->string,
						      sizeof(leaf->string));

		leaf->has_string = len >= 0;
		leaf->cut = len == sizeof(leaf->string) - 1;
	}
}

static void describe_number(struct walk *walk, const struct hadal_value *value,
			    struct hadal_leaf *leaf)
{
	uint32_t id;
	const struct btf_type *type = resolved(walk, value, &id);

	leaf->kind = HADAL_LEAF_UNSIGNED;
	if (value->type.pointers || (type && btf_is_ptr(type)))
		describe_pointer(walk, value, leaf);
	else if (type && btf_is_any_enum(type))
		name_enumerator(walk, type, leaf);
	else if (type && btf_int_encoding(type) & BTF_INT_BOOL)
		leaf->kind = HADAL_LEAF_BOOL;
	else if (type && btf_int_encoding(type) & BTF_INT_SIGNED)
		leaf->kind = HADAL_LEAF_SIGNED;
}

static void walk_scalar(struct walk *walk, const char *name, const struct hadal_value *value,
			size_t len, uint64_t repeats)
{
	struct hadal_leaf leaf = {.number = value->number, .repeats = repeats};
	uint8_t bytes[HADAL_SCALAR_MAX];

	if (value->in_memory && !fetch(walk, value->address, bytes, len)) {
		leaf.kind = HADAL_LEAF_UNREADABLE;
		tell(walk, name, &leaf);
		return;
	}
	if (value->in_memory)
		leaf.number = hadal_scalar_number(walk->types, value, bytes);
	describe_number(walk, value, &leaf);
	tell(walk, name, &leaf);
}

/* Integers of more than 64 bits, and floating point. */
static void walk_wide(struct walk *walk, const char *name, const struct hadal_value *value)
{
	uint64_t size = hadal_value_size(walk->types, &value->type);
	struct hadal_leaf leaf = {.kind = HADAL_LEAF_WIDE};
	uint8_t bytes[16];

	if (size > sizeof(bytes) || !size || !fetch(walk, value->address, bytes, size)) {
		leaf.kind = HADAL_LEAF_UNREADABLE;
	} else {
		strcpy(leaf.text, "0x");
		for (size_t i = 0; i < size; i++)
			sprintf(leaf.text + 2 + 2 * i, "%02x", bytes[size - 1 - i]);
	}
	tell(walk, name, &leaf);
}

static void walk_string(struct walk *walk, const char *name, const struct hadal_value *value,
			uint64_t count)
{
	struct hadal_leaf leaf = {.kind = HADAL_LEAF_STRING};

	leaf.cut = count > sizeof(leaf.text) - 1;
	if (leaf.cut)
		count = sizeof(leaf.text) - 1;
	if (fetch(walk, value->address, leaf.text, count))
		leaf.text_len = strnlen(leaf.text, count);
	else
		leaf.kind = HADAL_LEAF_UNREADABLE;
	leaf.cut &= leaf.text_len == count;
	leaf.text[leaf.text_len] = '\0';
	tell(walk, name, &leaf);
}

/* How many elements from one on are the same; 1 when they are not to be folded. */
static uint64_t same_elements(struct walk *walk, uint64_t address, size_t len, uint64_t left)
{
	uint8_t first[HADAL_SCALAR_MAX], other[HADAL_SCALAR_MAX];
	uint64_t same = 1;

	if (!walk->options->fold || !len || !fetch(walk, address, first, len))
		return 1;
	while (same < left && fetch(walk, address + same * len, other, len) &&
	       !memcmp(first, other, len))
		same++;
	return same < FOLD_FROM ? 1 : same;
}

static int walk_array(struct walk *walk, const char *name, const struct hadal_value *value,
		      uint64_t count, unsigned depth)
{
	struct hadal_value element = {.in_memory = true, .address = value->address};
	uint64_t size, told = 0, i = 0;
	size_t scalar;
	int error = 0;

	hadal_value_target(walk->types, &value->type, &element.type);
	size = hadal_value_size(walk->types, &element.type);
	scalar = hadal_scalar_bytes(walk->types, &element);
	walk->visitor->begin(walk->visitor->ctx, name, true);
	while (!error && i < count && told++ < walk->options->elements) {
		uint64_t same = same_elements(walk, element.address, scalar, count - i);

		if (scalar)
			walk_scalar(walk, NULL, &element, scalar, same);
		else
			error = walk_value(walk, NULL, &element, depth + 1);
		if (!walk->budget--)
			error = -E2BIG;
		i += same;
		element.address += same * size;
	}
	if (i < count)
		tell(walk, NULL,
		     &(struct hadal_leaf){.kind = HADAL_LEAF_MORE, .number = count - i});
	walk->visitor->end(walk->visitor->ctx, true);
	return error;
}

static int walk_members(struct walk *walk, const struct btf_type *type, uint64_t address,
			unsigned depth)
{
	int error = depth > MAX_DEPTH ? -E2BIG : 0;

	for (unsigned i = 0; !error && i < btf_vlen(type); i++) {
		const char *name = hadal_types_string(walk->types, btf_members(type)[i].name_off);
		struct hadal_field field = {0};
		struct hadal_value member;
		const struct btf_type *inside;

		if (!walk->budget--)
			return -E2BIG;
		hadal_types_enter(walk->types, type, i, &field);
		member = (struct hadal_value){
			.type.id = field.type,
			.in_memory = true,
			.address = address + field.offset,
			.bit_first = field.bit_first,
			.bit_count = field.bit_count,
		};
		inside = btf__type_by_id(hadal_types_btf(walk->types), field.type);
		if (!*name && inside && btf_is_composite(inside))
			error = walk_members(walk, inside, member.address, depth + 1);
		else
			error = walk_value(walk, name, &member, depth + 1);
	}
	return error;
}

static void walk_function(struct walk *walk, const char *name, const struct hadal_value *value)
{
	struct hadal_leaf leaf = {.kind = HADAL_LEAF_POINTER, .number = value->address};

	hadal_symbolize(walk->symbolizer, leaf.number, leaf.text, sizeof(leaf.text));
	tell(walk, name, &leaf);
}

static int walk_value(struct walk *walk, const char *name, const struct hadal_value *value,
		      unsigned depth)
{
	uint32_t id;
	const struct btf_type *type = resolved(walk, value, &id);
	size_t scalar = hadal_scalar_bytes(walk->types, value);
	bool array = type && btf_is_array(type);
	struct hadal_value_type element;
	int error = 0;

	if (scalar || !value->in_memory) {
		walk_scalar(walk, name, value, scalar, 1);
	} else if (!type || !(array || btf_is_composite(type) || btf_is_func_proto(type))) {
		walk_wide(walk, name, value);
	} else if (btf_is_func_proto(type)) {
		walk_function(walk, name, value);
	} else if (array && btf_array(type)->nelems &&
		   hadal_value_target(walk->types, &value->type, &element) &&
		   is_char(walk, &element)) {
		walk_string(walk, name, value, btf_array(type)->nelems);
	} else if (depth >= walk->options->depth || depth > MAX_DEPTH) {
		tell(walk, name, &(struct hadal_leaf){.kind = HADAL_LEAF_DEEPER});
	} else if (array) {
		error = walk_array(walk, name, value, btf_array(type)->nelems, depth);
	} else {
		walk->visitor->begin(walk->visitor->ctx, name, false);
		error = walk_members(walk, type, value->address, depth);
		walk->visitor->end(walk->visitor->ctx, false);
	}
	return error;
}

int hadal_value_walk(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const struct hadal_value *value, const struct hadal_walk_options *options,
		     const struct hadal_value_visitor *visitor, struct hadal_error *error)
{
	struct walk walk = {
		.space = hadal_kernel_space(kernel),
		.types = value->types,
		.symbolizer = symbolizer,
		.options = options,
		.visitor = visitor,
		.budget = MAX_PARTS,
	};
	int result;

	if (value->in_memory && !value->type.pointers && !value->type.id)
		return hadal_value_untyped(value, error);
	result = copy_object(&walk, value, error);
	if (result) {
		free(walk.copy);
		return result;
	}
	result = walk_value(&walk, NULL, value, 0);
	free(walk.copy);
	if (result)
		hadal_fail(error, -result,
			   "This is cut: it has more than %d parts, or they are "
			   "nested without end",
			   MAX_PARTS);
	return result;
}
