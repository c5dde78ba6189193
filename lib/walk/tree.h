/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_TREE_H
#define HADAL_LIB_WALK_TREE_H

#include "kernel/kernel.h"

/* Called for every node. Returns 0, a positive value to end the walk, or a negative errno. */
typedef int (*hadal_tree_visit)(void *ctx, uint64_t node);

/*
 * Visits the nodes of one of the kernel's red-black trees in order. root: address of its struct
 * rb_root. The tree may change meanwhile, and may be damaged: each node is visited once, at most
 * limit of them, and *lost counts the places where some may be missing: nodes that cannot be read,
 * and those that visit refused. Returns 0, what visit ended the walk with, or a negative errno
 * with a sentence in error.
 */
int hadal_tree_walk(struct hadal_kernel *kernel, uint64_t root, size_t limit,
		    hadal_tree_visit visit, void *ctx, size_t *lost, struct hadal_error *error);

#endif
