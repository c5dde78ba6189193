// SPDX-License-Identifier: MIT
/* Walking the kernel's lists, sound or damaged. */
#include "walk/list.h"

#include <errno.h>
#include <stdlib.h>

#include "walk/address_map.h"

/* How often a link that leads nowhere is read again: the list may just be changing. */
#define RETRIES 3

struct list_walk {
	struct hadal_space *space;
	hadal_list_visit visit;
	void *ctx;
	uint64_t head;
	size_t left; /* nodes that may still be visited */
	struct hadal_address_map seen;
};

/* Reads the link of the node before again, from memory as it is now. */
static uint64_t reread_link(struct list_walk *walk, uint64_t node, bool forward)
{
	struct hadal_links links;

	hadal_space_flush(walk->space);
	if (hadal_space_read_exact(walk->space, node, &links, sizeof(links)))
		return 0;
	return forward ? links.next : links.prev;
}

/*
 * Follows the list in one direction from link, which is the head's. Returns 0 when it came back to
 * the head or to a node that the other direction had visited, -ENOLINK where it broke.
 */
static int walk_direction(struct list_walk *walk, uint64_t link, bool forward, bool second)
{
	uint64_t before = walk->head;
	int retries = RETRIES;

	while (link != walk->head) {
		struct hadal_links links;
		int new = hadal_is_node(link) ? hadal_address_map_add(&walk->seen, link, 0)
					      : -ENOLINK;
		int result;

		if (new == -ENOMEM)
			return new;
		if (!new)
			return second ? 0 : -ENOLINK; /* a cycle that passes by the head */
		if (!walk->left)
			return -ENOLINK;
		walk->left--;
		result = new > 0 ? walk->visit(walk->ctx, link, &links) : new;
		if (result > 0)
			return result;
		if (result < 0) {
			uint64_t again = reread_link(walk, before, forward);

			if (again == link || !retries--)
				return -ENOLINK;
			link = again;
			continue;
		}
		retries = RETRIES;
		before = link;
		link = forward ? links.next : links.prev;
	}
	return 0;
}

int hadal_list_walk(struct hadal_space *space, uint64_t head, size_t limit, hadal_list_visit visit,
		    void *ctx, size_t *lost)
{
	struct list_walk walk = {
		.space = space,
		.visit = visit,
		.ctx = ctx,
		.head = head,
		.left = limit,
	};
	struct hadal_links links;
	int result;

	if (!hadal_is_node(head) || hadal_space_read_exact(space, head, &links, sizeof(links)))
		return -EFAULT;
	result = walk_direction(&walk, links.next, true, false);
	if (result == -ENOLINK) {
		(*lost)++;
		result = walk_direction(&walk, links.prev, false, true);
	}
	hadal_address_map_free(&walk.seen);
	return result == -ENOLINK ? 0 : result;
}

void *hadal_list_grow(void *items, size_t count, size_t *capacity, size_t size)
{
	size_t larger = *capacity ? *capacity * 2 : 64;

	if (count < *capacity)
		return items;
	items = realloc(items, larger * size);
	if (items)
		*capacity = larger;
	return items;
}
