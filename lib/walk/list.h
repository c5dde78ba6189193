/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_LIST_H
#define HADAL_LIB_WALK_LIST_H

#include "memory/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/* struct list_head as it lies in memory. */
struct hadal_links {
	uint64_t next;
	uint64_t prev;
};

/* Kernel addresses are in the upper half, and nodes of lists are pointers' worth aligned. */
static inline bool hadal_is_node(uint64_t address)
{
	return address >> 63 && address % 8 == 0;
}

/*
 * Called for every node of a list: reads the object around the list_head at address node, and
 * fills links with it. Returns 0, a positive value to end the walk, or a negative errno when what
 * is there cannot be read or is no such object; the walk then does not follow it.
 */
typedef int (*hadal_list_visit)(void *ctx, uint64_t node, struct hadal_links *links);

/*
 * Walks the kernel's list with its head at address head. The list may change while it is walked,
 * and may be damaged: each node is visited once, at most limit of them, a broken link is tried
 * again and then gone around from the list's other end. *lost counts the places where nodes may be
 * missing. Returns 0, what visit ended the walk with, -EFAULT when the head cannot be read, or
 * -ENOMEM.
 */
int hadal_list_walk(struct hadal_space *space, uint64_t head, size_t limit, hadal_list_visit visit,
		    void *ctx, size_t *lost);

/*
 * Makes room for one more item of a growing array, for visitors that collect what they see. Returns
 * the items, perhaps moved, or NULL (the old ones stay) when there is no memory. size: of an item.
 */
void *hadal_list_grow(void *items, size_t count, size_t *capacity, size_t size);

#ifdef __cplusplus
}
#endif

#endif
