// SPDX-License-Identifier: MIT
#include "walk/tree.h"

#include <errno.h>

#include "walk/address_map.h"
#include "walk/list.h"
#include "walk/object.h"

/* A red-black tree of 2^32 nodes is not higher. */
#define MAX_HEIGHT 64

enum field { ROOT, LEFT, RIGHT, FIELDS };

static const struct hadal_field_request requests[FIELDS] = {
	[ROOT] = {"rb_root", {"rb_node"}, false},
	[LEFT] = {"rb_node", {"rb_left"}, false},
	[RIGHT] = {"rb_node", {"rb_right"}, false},
};

struct tree_walk {
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	struct hadal_address_map seen;
	size_t limit;
	hadal_tree_visit visit;
	void *ctx;
	size_t *lost;
};

/* A child, or the root of all; 0 when there is none, and when it cannot be followed. */
static uint64_t follow(struct tree_walk *walk, enum field field, uint64_t address)
{
	uint64_t node;

	if (hadal_space_read_u64(walk->space, address + walk->fields[field].offset, &node) ||
	    (node && !hadal_is_node(node))) {
		(*walk->lost)++;
		return 0;
	}
	return node;
}

/* Goes down to the left, with the way in path. Returns the height reached, or -ENOMEM. */
static int descend(struct tree_walk *walk, uint64_t node, uint64_t path[MAX_HEIGHT], int height)
{
	while (node) {
		int new = height < MAX_HEIGHT && walk->seen.count < walk->limit
				  ? hadal_address_map_add(&walk->seen, node, 0)
				  : 0;

		if (new < 0)
			return new;
		if (!new) {
			(*walk->lost)++;
			break;
		}
		path[height++] = node;
		node = follow(walk, LEFT, node);
	}
	return height;
}

static int walk_tree(struct tree_walk *walk, uint64_t root)
{
	uint64_t path[MAX_HEIGHT];
	int height = descend(walk, follow(walk, ROOT, root), path, 0);

	while (height > 0) {
		uint64_t node = path[--height];
		int result = walk->visit(walk->ctx, node);

		if (result > 0)
			return result;
		if (result < 0)
			(*walk->lost)++;
		height = descend(walk, follow(walk, RIGHT, node), path, height);
	}
	return height;
}

int hadal_tree_walk(struct hadal_kernel *kernel, uint64_t root, size_t limit,
		    hadal_tree_visit visit, void *ctx, size_t *lost, struct hadal_error *error)
{
	struct tree_walk walk = {
		.space = hadal_kernel_space(kernel),
		.limit = limit,
		.visit = visit,
		.ctx = ctx,
		.lost = lost,
	};
	int result = hadal_kernel_fields(kernel, requests, FIELDS, walk.fields, error);

	if (result)
		return result;
	result = walk_tree(&walk, root);
	hadal_address_map_free(&walk.seen);
	return result < 0 ? hadal_fail(error, ENOMEM, "Out of memory") : result;
}
