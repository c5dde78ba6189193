// SPDX-License-Identifier: MIT
/* Walking the kernel's red-black trees, sound or damaged. */
#include "walk/tree.h"

#include <errno.h>

#include "walk/address_map.h"
#include "walk/list.h"
#include "walk/plan.h"

/* A red-black tree of 2^32 nodes is not higher. */
#define MAX_HEIGHT 64

enum need { ROOT, LEFT, RIGHT, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[ROOT] = {HADAL_MEMBER("rb_root", "rb_node")},
	[LEFT] = {HADAL_MEMBER("rb_node", "rb_left")},
	[RIGHT] = {HADAL_MEMBER("rb_node", "rb_right")},
};

struct tree_walk {
	struct hadal_plan plan;
	struct hadal_address_map seen;
	size_t limit;
	hadal_tree_visit visit;
	void *ctx;
	size_t *lost;
};

/* A child, or the root of all; 0 when there is none, and when it cannot be followed. */
static uint64_t follow(struct tree_walk *walk, enum need field, uint64_t address)
{
	uint64_t node;

	if (hadal_space_read_u64(walk->plan.space, address + hadal_plan_offset(&walk->plan, field),
				 &node) ||
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
		.limit = limit,
		.visit = visit,
		.ctx = ctx,
		.lost = lost,
	};
	int result = hadal_plan_open(&walk.plan, kernel, needs, NEEDS, error);

	if (!result) {
		result = walk_tree(&walk, root);
		if (result < 0)
			hadal_fail(error, ENOMEM, "Out of memory");
	}
	hadal_address_map_free(&walk.seen);
	hadal_plan_close(&walk.plan);
	return result;
}
