/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_TYPES_OUTLINE_H
#define HADAL_LIB_TYPES_OUTLINE_H

#include "types/declare.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A member of a structure, as it is met on the way through it. */
struct hadal_member {
	const char *name;         /* "" for an anonymous one */
	const char *declaration;  /* as in C; of one that begins, what stands before its brace */
	uint32_t type;            /* as declared, with typedefs and qualifiers */
	struct hadal_field where; /* from the outermost structure */
	unsigned depth;           /* 1: in the outermost structure */
	uint32_t hole;            /* bytes before it that belong to nothing */
};

/* Each is called in the order of the members; all three must be there. */
struct hadal_outline {
	void (*member)(void *ctx, const struct hadal_member *member);
	/* A member with members of its own, which follow until end is called for the same. */
	void (*begin)(void *ctx, const struct hadal_member *member);
	void (*end)(void *ctx, const struct hadal_member *member);
	void *ctx;
};

/*
 * Goes through the members of the struct or union with that id, and through those of structures
 * without a name in it, with expand through those of all structures in it. Returns 0, -EINVAL (no
 * struct or union), -E2BIG (nested without end; what came before has been told).
 */
int hadal_types_outline(const struct hadal_types *types, uint32_t id, bool expand,
			const struct hadal_outline *outline);

#ifdef __cplusplus
}
#endif

#endif
