/* SPDX-License-Identifier: MIT */
/* What the parser of expressions and that of types in them share. */
#ifndef HADAL_LIB_SHOW_EXPRESSION_H
#define HADAL_LIB_SHOW_EXPRESSION_H

#include "types/variables.h"
#include "show/lex.h"
#include "show/value.h"

struct expression {
	struct hadal_kernel *kernel;
	struct hadal_space *space;
	const struct hadal_types *types;
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

/* Is the "(" that comes next that of a cast? */
bool expression_begins_cast(const struct expression *expression);
/* Parses a type, such as "struct task_struct *". Returns 0, -EINVAL or -ENOENT. */
int expression_type(struct expression *expression, struct hadal_value_type *type);

#endif
