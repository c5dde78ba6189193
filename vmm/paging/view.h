/* SPDX-License-Identifier: MIT */
/*
 * A view: the nested map with fewer rights in some pages. It has a root of its own, and tables of
 * its own only on the way to those pages; all others are the map's. Whatever changes the map must
 * be followed by view_follow(), before CPUs flush. Everything needs nested_lock but view_denied().
 */
#ifndef HADAL_PAGING_VIEW_H
#define HADAL_PAGING_VIEW_H

#include <stdint.h>
#include "paging/nested.h"

struct view {
	const struct nested *base;
	uint64_t *root;  /* NULL: there is no such view */
	uint64_t tables; /* of its own, the root among them */
};

/* As the map is. 0 or -ENOMEM. */
int view_open(struct view *view, const struct nested *base);
/* No CPU uses it any more, nor has translations of it. */
void view_close(struct view *view);

/*
 * Deny PT_READ, PT_WRITE, PT_EXEC in a page, in place of what was denied before; without PT_READ
 * there is no PT_WRITE either, and no PT_EXEC where the format cannot have that alone. 0, or
 * -ENOMEM (nothing is changed).
 */
int view_deny(struct view *view, uint64_t gpa, uint32_t rights);

/* What view_deny() has denied there. */
uint32_t view_denied(const struct view *view, uint64_t gpa);

/* The map has changed. */
void view_follow(struct view *view);

/* What the VMCS or the VMCB wants. */
static inline uint64_t view_root(const struct view *view)
{
	return pt_pool_physical(view->base->pt.pool, view->root);
}

#endif
