// SPDX-License-Identifier: MIT
/* Processes in the order of a tree, each below its parent. */
#include "process_tree.h"

#include <stdlib.h>

/* Deeper ones begin a tree of their own; no terminal is that wide. */
#define MAX_DEPTH 200u

/* The processes in the order of their parents, so that the children of one are neighbours. */
struct node {
	struct hadal_process *process;
	bool visited;
};

struct tree {
	struct node *nodes;
	size_t count;
	process_tree_visit visit;
	void *ctx;
};

static int compare_parents(const void *left, const void *right)
{
	const struct node *a = left, *b = right;

	if (a->process->parent != b->process->parent)
		return a->process->parent < b->process->parent ? -1 : 1;
	if (a->process->tgid != b->process->tgid)
		return a->process->tgid < b->process->tgid ? -1 : 1;
	return a->process->pid < b->process->pid ? -1 : a->process->pid > b->process->pid;
}

static size_t first_child(const struct tree *tree, int32_t parent)
{
	size_t low = 0, high = tree->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tree->nodes[middle].process->parent < parent)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void visit_node(struct tree *tree, struct node *node, unsigned int depth)
{
	int32_t number = node->process->tgid;

	if (node->visited)
		return;
	node->visited = true;
	tree->visit(tree->ctx, node->process, depth);
	if (depth == MAX_DEPTH || node->process->pid != number)
		return;
	for (size_t i = first_child(tree, number);
	     i < tree->count && tree->nodes[i].process->parent == number; i++)
		visit_node(tree, &tree->nodes[i], depth + 1);
}

bool process_tree(struct hadal_process_list *list, process_tree_visit visit, void *ctx)
{
	struct tree tree = {
		.nodes = calloc(list->count + 1, sizeof(*tree.nodes)),
		.count = list->count,
		.visit = visit,
		.ctx = ctx,
	};

	if (!tree.nodes)
		return false;
	for (size_t i = 0; i < list->count; i++)
		tree.nodes[i].process = &list->items[i];
	qsort(tree.nodes, tree.count, sizeof(*tree.nodes), compare_parents);
	/* The first ones' parent is 0, which is in no list; what is left then has lost its own. */
	for (size_t i = 0; i < tree.count; i++)
		if (!hadal_process_of(list, tree.nodes[i].process->parent))
			visit_node(&tree, &tree.nodes[i], 0);
	for (size_t i = 0; i < tree.count; i++)
		visit_node(&tree, &tree.nodes[i], 0);
	free(tree.nodes);
	return true;
}
