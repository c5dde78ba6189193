/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_PLAN_H
#define HADAL_LIB_WALK_PLAN_H

#include "kernel/kernel.h"
#include "walk/object.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a reader of the kernel's objects needs to know of a kernel, in one table that is opened with
 * one call. The reader numbers its needs in an enum, and says there what differs between versions:
 *
 *	static const struct hadal_need needs[NEEDS] = {
 *		[MODULES] = {HADAL_SYMBOL("modules")},
 *		[MODULE] = {HADAL_OBJECT("module")},
 *		[LIST] = {HADAL_LIST_HEAD("module", "list")},
 *		[STATE] = {HADAL_MEMBER("module", "__state", "state")},
 *		[PARTS] = {HADAL_MEMBER("module", "mem"), HADAL_OPTIONAL},
 *		[PART_BASE] = {HADAL_MEMBER("module", "mem[0].base"), HADAL_WITH(PARTS)},
 *		[CORE_BASE] = {HADAL_MEMBER("module", "core_layout.base"), HADAL_WITHOUT(PARTS)},
 *	};
 *
 * A member may have up to three names, the first that exists is taken; paths are those of
 * hadal_types_field. An object is read in one piece, as much of it as the plan has members of.
 */
struct hadal_need {
	enum hadal_need_kind {
		HADAL_NEED_MEMBER,
		HADAL_NEED_SYMBOL,
		HADAL_NEED_OBJECT,
	} kind;
	const char *type; /* of a member, or of the object: a structure's name */
	const char *names[3];
	bool optional;
	uint32_t size;    /* bytes that a member must have; 0: any */
	unsigned with;    /* only looked for where this member was found: its number plus 1; or 0 */
	unsigned without; /* only where this one was not */
};

/* clang-format off */
#define HADAL_SYMBOL(symbol) .kind = HADAL_NEED_SYMBOL, .names = {symbol}
#define HADAL_OBJECT(type_) .kind = HADAL_NEED_OBJECT, .type = type_
#define HADAL_MEMBER(type_, ...) .kind = HADAL_NEED_MEMBER, .type = type_, .names = {__VA_ARGS__}
#define HADAL_LIST_HEAD(type_, ...) \
	HADAL_MEMBER(type_, __VA_ARGS__), .size = sizeof(struct hadal_links)
/* Which this kernel may lack; needs without it fail the plan with a sentence. */
#define HADAL_OPTIONAL .optional = true
/* Members refer to ones before them in the table with these, symbols to any. */
#define HADAL_WITH(need) .with = (need) + 1
#define HADAL_WITHOUT(need) .without = (need) + 1
/* clang-format on */

/* An opened plan. All arrays are by the number of the need. */
struct hadal_plan {
	struct hadal_kernel *kernel;
	struct hadal_space *space;
	const struct hadal_need *needs;
	size_t count;
	struct hadal_field *fields;   /* all zeros: the kernel has none */
	uint64_t *symbols;            /* addresses; 0: the kernel has none */
	struct hadal_object *objects; /* to be read with hadal_object_read */
};

/*
 * The kernel and the needs must outlive the plan. Returns 0, or a negative errno with a sentence in
 * error that names the first thing missing; close it in either case.
 */
int hadal_plan_open(struct hadal_plan *plan, struct hadal_kernel *kernel,
		    const struct hadal_need *needs, size_t count, struct hadal_error *error);
/* Also for a plan all zeros. */
void hadal_plan_close(struct hadal_plan *plan);

/* Was a member or symbol that is optional, or of some versions only, found? */
bool hadal_plan_has(const struct hadal_plan *plan, size_t need);

/* A member of the structure at address, read by itself; 0 when it cannot be, or there is none. */
uint64_t hadal_plan_read(const struct hadal_plan *plan, size_t member, uint64_t address);

/* Where a member lies in its structure, in bytes. */
static inline uint32_t hadal_plan_offset(const struct hadal_plan *plan, size_t member)
{
	return plan->fields[member].offset;
}

/* How long a member, or with the path "." its structure is, in bytes. */
static inline uint32_t hadal_plan_size(const struct hadal_plan *plan, size_t member)
{
	return plan->fields[member].size;
}

#ifdef __cplusplus
}
#endif

#endif
