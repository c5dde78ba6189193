/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SHOW_WALK_H
#define HADAL_LIB_SHOW_WALK_H

#include "system/symbolize.h"
#include "show/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HADAL_LEAF_TEXT_MAX 1024

enum hadal_leaf_kind {
	HADAL_LEAF_SIGNED,
	HADAL_LEAF_UNSIGNED,
	HADAL_LEAF_BOOL,
	HADAL_LEAF_ENUM,    /* text: the enumerator's name, or empty */
	HADAL_LEAF_POINTER, /* text: the symbol that it points to, or empty */
	HADAL_LEAF_STRING,  /* text: of a char array, up to its first NUL */
	HADAL_LEAF_WIDE,    /* of more than 64 bits; text: hexadecimal */
	HADAL_LEAF_UNREADABLE,
	HADAL_LEAF_DEEPER, /* a structure or an array below the depth asked for */
	HADAL_LEAF_MORE,   /* elements of an array that were left out; number: how many */
};

/* What has no parts. */
struct hadal_leaf {
	enum hadal_leaf_kind kind;
	uint64_t number;
	uint64_t repeats; /* of an element of an array: how often it comes here; else 1 */
	size_t text_len;  /* a string may hold any byte but NUL */
	bool cut;         /* there is more of the string */
	char text[HADAL_LEAF_TEXT_MAX];
	bool has_string; /* of a pointer to char: what it points to follows */
	char string[256];
};

/* name: of a member; NULL for an element of an array, and for the value as a whole. */
struct hadal_value_visitor {
	void (*begin)(void *ctx, const char *name, bool array);
	void (*end)(void *ctx, bool array);
	void (*leaf)(void *ctx, const char *name, const struct hadal_leaf *leaf);
	void *ctx;
};

struct hadal_walk_options {
	unsigned depth;    /* of structures and arrays inside each other that are gone through */
	uint64_t elements; /* of each array */
	bool fold;         /* equal elements that follow each other are told once */
};

/*
 * Goes through a value with all its members and elements; members of structures without a name
 * are told as those of the structure around. The first MiB of an object is read once, before.
 * What is not mapped becomes HADAL_LEAF_UNREADABLE. Returns 0, -EINVAL (it has no type that could
 * be told), -EFAULT (nothing of it is mapped), -E2BIG (cut, after a million parts), -ENOMEM, with a
 * sentence in error.
 */
int hadal_value_walk(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const struct hadal_value *value, const struct hadal_walk_options *options,
		     const struct hadal_value_visitor *visitor, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
