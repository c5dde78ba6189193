/* SPDX-License-Identifier: MIT */
/* What the parser of expressions and that of types in them share. */
#ifndef HADAL_LIB_SHOW_EXPRESSION_H
#define HADAL_LIB_SHOW_EXPRESSION_H

#include "system/symbolize.h"
#include "types/variables.h"
#include "show/lex.h"
#include "show/value.h"

struct expression {
	struct hadal_kernel *kernel;
	struct hadal_space *space;
	struct hadal_symbolizer *symbolizer; /* NULL: modules are not looked at */
	/* The kernel's, or from the first name of a module's on those of both. */
	const struct hadal_types *types;
	const char *module;         /* whose they are; NULL: the kernel's alone */
	struct hadal_error problem; /* why a name was not found, if there is more to say */
	struct hadal_error *error;
	struct hadal_token token; /* the one that comes next */
	unsigned depth;
};

void expression_next(struct expression *expression);
/* Is the next token this sign? */
bool expression_is(const struct expression *expression, char sign);
/* The same, and goes on behind it if so. */
bool expression_take(struct expression *expression, char sign);
/* Says what is expected instead of the next token; returns -EINVAL. */
int expression_wrong(struct expression *expression, const char *expected);

/* Goes on behind a sign that must come next. Returns 0 or -EINVAL. */
int expression_expect(struct expression *expression, char sign);

/* The number that a scalar is; an array and a function are their addresses. */
int expression_load(struct expression *expression, const struct hadal_value *value,
		    uint64_t *number);
/* Goes to a member; from a pointer to a structure to that of the structure. */
int expression_enter_member(struct expression *expression, struct hadal_value *value,
			    const char *name);
/* Parses and evaluates an expression inside another, and the name that comes next. */
int expression_sum(struct expression *expression, struct hadal_value *value);
int expression_name(struct expression *expression, struct hadal_value *value);

/*
 * Finds a type of that kind (BTF_KIND_*): of the kernel, or else of modules, or that of
 * MODULE:NAME. The types are then that module's too. Returns its id; 0, and maybe a problem, when
 * there is none.
 */
uint32_t expression_find_type(struct expression *expression, const char *name, uint32_t kind);
/* The same for a symbol and its address. Returns 0 or -ENOENT. */
int expression_find_symbol(struct expression *expression, const char *name, uint64_t *address);
/* The same for an enumerator and its value. */
int expression_find_enumerator(struct expression *expression, const char *name, int64_t *value);

/* Is the "(" that comes next that of a cast? */
bool expression_begins_cast(struct expression *expression);
/* Parses a type, such as "struct task_struct *". Returns 0, -EINVAL or -ENOENT. */
int expression_type(struct expression *expression, struct hadal_value_type *type);

#endif
