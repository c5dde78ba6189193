// SPDX-License-Identifier: MIT
#include "list.h"

#include <errno.h>
#include <stdlib.h>

/* How often a link that leads nowhere is read again: the list may just be changing. */
#define RETRIES 3

/* Addresses seen so far, a hash set with open addressing; 0 marks a free slot. */
struct seen {
	uint64_t *slots;
	size_t size; /* a power of two */
	size_t count;
};

struct list_walk {
	struct hadal_space *space;
	hadal_list_visit visit;
	void *ctx;
	uint64_t head;
	size_t left; /* nodes that may still be visited */
	struct seen seen;
};

static size_t seen_slot(const struct seen *seen, uint64_t node)
{
	size_t slot = node * 0x9e3779b97f4a7c15ull >> 32 & (seen->size - 1);

	while (seen->slots[slot] && seen->slots[slot] != node)
		slot = (slot + 1) & (seen->size - 1);
	return slot;
}

static int seen_grow(struct seen *seen)
{
	struct seen grown = {.size = seen->size ? seen->size * 2 : 256, .count = seen->count};

	grown.slots = calloc(grown.size, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < seen->size; i++)
		if (seen->slots[i])
			grown.slots[seen_slot(&grown, seen->slots[i])] = seen->slots[i];
	free(seen->slots);
	*seen = grown;
	return 0;
}

/* Returns 1 when the node was new, 0 when it was seen before, or -ENOMEM. */
static int seen_add(struct seen *seen, uint64_t node)
{
	size_t slot;

	if (seen->count * 2 >= seen->size && seen_grow(seen))
		return -ENOMEM;
	slot = seen_slot(seen, node);
	if (seen->slots[slot])
		return 0;
	seen->slots[slot] = node;
	seen->count++;
	return 1;
}

/* Kernel addresses are in the upper half, and list nodes are pointers' worth aligned. */
static bool is_node(uint64_t address)
{
	return address >> 63 && address % 8 == 0;
}

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
		int new = is_node(link) ? seen_add(&walk->seen, link) : -ENOLINK;
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

	if (!is_node(head) || hadal_space_read_exact(space, head, &links, sizeof(links)))
		return -EFAULT;
	result = walk_direction(&walk, links.next, true, false);
	if (result == -ENOLINK) {
		(*lost)++;
		result = walk_direction(&walk, links.prev, false, true);
	}
	free(walk.seen.slots);
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
