/* SPDX-License-Identifier: MIT */
/*
 * A view: the nested map with fewer rights in some pages, and copies of some for fetches. It has a
 * root of its own, and tables of its own only on the way to those pages; all others are the map's.
 * Whatever changes the map must be followed by view_follow(), before CPUs flush. Everything needs
 * nested_lock but view_denied() and view_has_copy().
 */
#ifndef HADAL_PAGING_VIEW_H
#define HADAL_PAGING_VIEW_H

#include <stdint.h>
#include "paging/copy.h"
#include "paging/nested.h"

/* What a page with a copy looks like in a view. */
enum view_kind {
	VIEW_ONE,  /* the copy, for fetches alone: the processor has execute-only pages */
	VIEW_DATA, /* the page itself, for reads */
	VIEW_CODE, /* the copy, for fetches and reads; no other page has the right of fetches */
	VIEW_OPEN, /* the page itself, for fetches and reads */
};

struct view {
	const struct nested *base;
	const struct copies *copies;
	enum view_kind kind;
	uint64_t *root;  /* NULL: there is no such view */
	uint64_t tables; /* of its own, the root among them */
};

/* As the map is. copies: those that view_set() may name. 0 or -ENOMEM. */
int view_open(struct view *view, enum view_kind kind, const struct nested *base,
	      const struct copies *copies);
/* No CPU uses it any more, nor has translations of it. */
void view_close(struct view *view);

/*
 * Deny PT_READ, PT_WRITE, PT_EXEC in a page, in place of what was denied before; without PT_READ
 * there is no other right either, but for fetches from a copy in VIEW_ONE. has_copy: fetches see
 * its copy, as long as the map shows there what the copy is of. 0, or -ENOMEM (nothing is changed).
 */
int view_set(struct view *view, uint64_t gpa, uint32_t denied, bool has_copy);

/* All that view_set() has said of another view. 0, or -ENOMEM (a part of it is). */
int view_set_like(struct view *view, const struct view *other);

/* What view_set() has said there. */
uint32_t view_denied(const struct view *view, uint64_t gpa);
bool view_has_copy(const struct view *view, uint64_t gpa);

/* The map has changed. */
void view_follow(struct view *view);

/* What the VMCS or the VMCB wants. */
static inline uint64_t view_root(const struct view *view)
{
	return pt_pool_physical(view->base->pt.pool, view->root);
}

#endif
