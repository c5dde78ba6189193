// SPDX-License-Identifier: MIT
/* A type with all members inside of it, laid out. */
#include "types/outline.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>

#define MAX_DEPTH   32
#define MAX_MEMBERS 200000

struct walk {
	const struct hadal_types *types;
	const struct hadal_outline *outline;
	bool expand;
	unsigned budget; /* of members */
};

static int walk_members(struct walk *walk, const struct btf_type *type,
			const struct hadal_field *around, unsigned depth);

/* Bytes up to the first one that a member does not touch. */
static uint32_t end_of(const struct hadal_field *where)
{
	return where->offset + hadal_field_bytes(where);
}

static int walk_member(struct walk *walk, struct hadal_member *member)
{
	const struct btf *btf = hadal_types_btf(walk->types);
	const struct btf_type *declared = btf__type_by_id(btf, member->type);
	const struct btf_type *inside = btf__type_by_id(btf, member->where.type);
	char text[HADAL_DECLARATION_MAX];
	int error;

	/* A typedef is a name too. */
	if (inside && btf_is_composite(inside) &&
	    (walk->expand || (inside == declared && !inside->name_off))) {
		const char *name = hadal_types_string(walk->types, inside->name_off);

		snprintf(text, sizeof(text), "%s%s%s", btf_is_union(inside) ? "union" : "struct",
			 *name ? " " : "", name);
		member->declaration = text;
		walk->outline->begin(walk->outline->ctx, member);
		error = walk_members(walk, inside, &member->where, member->depth + 1);
		walk->outline->end(walk->outline->ctx, member);
		return error;
	}
	hadal_types_declare(walk->types, member->type, member->name, text);
	member->declaration = text;
	walk->outline->member(walk->outline->ctx, member);
	return 0;
}

static int walk_members(struct walk *walk, const struct btf_type *type,
			const struct hadal_field *around, unsigned depth)
{
	uint32_t end = around->offset;

	if (depth > MAX_DEPTH)
		return -E2BIG;
	for (unsigned i = 0; i < btf_vlen(type); i++) {
		struct hadal_member member = {
			.name = hadal_types_string(walk->types, btf_members(type)[i].name_off),
			.type = btf_members(type)[i].type,
			.where = *around,
			.depth = depth,
		};
		int error;

		if (!walk->budget--)
			return -E2BIG;
		hadal_types_enter(walk->types, type, i, &member.where);
		if (btf_is_struct(type) && member.where.offset > end)
			member.hole = member.where.offset - end;
		error = walk_member(walk, &member);
		if (error)
			return error;
		if (end_of(&member.where) > end)
			end = end_of(&member.where);
	}
	return 0;
}

int hadal_types_outline(const struct hadal_types *types, uint32_t id, bool expand,
			const struct hadal_outline *outline)
{
	struct walk walk = {types, outline, expand, MAX_MEMBERS};
	const struct hadal_field whole = {.type = id};
	const struct btf_type *type = btf__type_by_id(hadal_types_btf(types), id);

	if (!type || !btf_is_composite(type))
		return -EINVAL;
	return walk_members(&walk, type, &whole, 1);
}
