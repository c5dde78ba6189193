/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CLI_PROCESS_TREE_H
#define HADAL_CLI_PROCESS_TREE_H

#include "process/process.h"

/* Called for a process and how far below a root of the tree it is. */
typedef void (*process_tree_visit)(void *ctx, struct hadal_process *process, unsigned int depth);

/*
 * Visits each process of a list once, children after their parent; those whose parents are not in
 * the list, or go in circles, as roots. Returns false when there is no memory.
 */
bool process_tree(struct hadal_process_list *list, process_tree_visit visit, void *ctx);

#endif
