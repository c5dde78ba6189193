/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SHOW_VALUE_H
#define HADAL_LIB_SHOW_VALUE_H

#include "system/symbolize.h"
#include "types/declare.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A type that the blob need not have: some pointers to one that it has. */
struct hadal_value_type {
	uint32_t id; /* BTF id; 0: void, and the type of a number that stands in an expression */
	unsigned pointers;
};

/* What an expression is: something in the kernel's memory, or a number. */
struct hadal_value {
	struct hadal_value_type type;
	/* What its ids are of, once it is evaluated: the kernel's types, or a module's on top. */
	const struct hadal_types *types;
	bool in_memory;
	uint64_t address;             /* in memory */
	uint64_t number;              /* otherwise */
	uint8_t bit_first, bit_count; /* of a bit-field, as in struct hadal_field */
};

/*
 * Evaluates a C-like expression in the kernel's address space: symbols, numbers, enumerators,
 * casts, * & . -> [] + -, per_cpu(variable, cpu), container_of(pointer, type, member),
 * sizeof(type). A symbol of which no type is known takes that of a cast: (struct list_head)modules.
 * As in gdb, . and
 * -> are the same. With a symbolizer, which must outlive the value, a name that is not the kernel's
 * may be a module's, and MODULE:NAME is; types can be those of one module. Returns 0 or a negative
 * errno with a sentence in error: -EINVAL (malformed or senseless), -ENOENT (no such symbol, type
 * or member), -EFAULT (memory that is not mapped).
 */
int hadal_value_evaluate(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
			 const char *expression, struct hadal_value *value,
			 struct hadal_error *error);

/*
 * Something in memory without a type can only be cast, or its address taken. Returns -EINVAL with
 * the sentence that says so.
 */
int hadal_value_untyped(const struct hadal_value *value, struct hadal_error *error);

/* The type as in C, such as "struct cred *". */
void hadal_value_declare(const struct hadal_types *types, const struct hadal_value_type *type,
			 char text[HADAL_DECLARATION_MAX]);

/* Size in bytes; 0 for void and for functions. */
uint64_t hadal_value_size(const struct hadal_types *types, const struct hadal_value_type *type);

/*
 * What a pointer, an array or a number that was cast points to. Returns false for everything else,
 * and for pointers to void.
 */
bool hadal_value_target(const struct hadal_types *types, const struct hadal_value_type *type,
			struct hadal_value_type *target);

/* Bytes of the largest scalar, also of a bit-field that crosses its unit. */
#define HADAL_SCALAR_MAX 9

/*
 * How many bytes at its address hold a scalar (an integer, an enum, a pointer), at most
 * HADAL_SCALAR_MAX; 0 for other types, and for wider ones.
 */
size_t hadal_scalar_bytes(const struct hadal_types *types, const struct hadal_value *value);

/* The number in these bytes, extended to 64 bits by its sign. */
uint64_t hadal_scalar_number(const struct hadal_types *types, const struct hadal_value *value,
			     const uint8_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
