/* SPDX-License-Identifier: MIT */
/*
 * A view: the nested map with fewer rights in some pages, and copies of some for fetches, or other
 * pages in their place. It has a root of its own, and tables of its own only on the way to those
 * pages; all others are the map's. Whatever changes the map must be followed by view_follow(),
 * before CPUs flush. Everything needs nested_lock but view_denied(), view_has_copy() and
 * view_hpa().
 */
#ifndef HADAL_PAGING_VIEW_H
#define HADAL_PAGING_VIEW_H

#include <stdint.h>
#include "paging/copy.h"
#include "paging/nested.h"

/* What a page with a copy looks like in a view; VIEW_OWNED has none. */
enum view_kind {
	VIEW_ONE,   /* the copy, for fetches alone: the processor has execute-only pages */
	VIEW_DATA,  /* the page itself, for reads */
	VIEW_CODE,  /* the copy, for fetches and reads; no other page has the right of fetches */
	VIEW_OPEN,  /* the page itself, for fetches and reads */
	VIEW_OWNED, /* some pages show others, and what is denied in `under` is denied too */
};

/* A page that shows what the map has at another address. */
struct view_page {
	uint64_t gpa, source;
};

#define VIEW_PAGES_MAX 256u

struct view {
	const struct nested *base;
	const struct copies *copies;
	enum view_kind kind;
	uint64_t *root;  /* NULL: there is no such view */
	uint64_t tables; /* of its own, the root among them */
	/* VIEW_OWNED: */
	const struct view *under;
	bool fetch_only; /* the processor has execute-only pages */
	uint32_t page_count;
	struct view_page *page; /* ascending; one page of the pool has them */
};

/* As the map is. copies: those that view_set() may name. 0 or -ENOMEM. */
int view_open(struct view *view, enum view_kind kind, const struct nested *base,
	      const struct copies *copies);
/* The same of kind VIEW_OWNED. What `under` denies is to be told by view_look_under(). */
int view_open_owned(struct view *view, const struct nested *base, const struct view *under,
		    bool fetch_only);
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

/* view_set() of this page will not fail. 0, or -ENOMEM. */
int view_prepare(struct view *view, uint64_t gpa);

/*
 * Of a VIEW_OWNED. A page shows what the map has at source, with the rights that it has there; or
 * itself. 0, -ENOMEM, -ENOSPC (VIEW_PAGES_MAX); then nothing is changed.
 */
int view_show(struct view *view, uint64_t gpa, uint64_t source);
/* `under` denies something else there than before: anything or nothing. 0, or -ENOMEM. */
int view_look_under(struct view *view, uint64_t gpa, bool anything);
/* The same for all pages. */
int view_look_under_all(struct view *view);

/* What view_set() has said there. */
uint32_t view_denied(const struct view *view, uint64_t gpa);
bool view_has_copy(const struct view *view, uint64_t gpa);
/* It shows another page, which may not be accessed by all of these rights. */
bool view_shown_lacks(const struct view *view, uint64_t gpa, uint32_t rights);
/* What a CPU on the view finds there, whatever it may do with it. */
uint64_t view_hpa(const struct view *view, uint64_t gpa);

/* The map has changed. */
void view_follow(struct view *view);

/* What the VMCS or the VMCB wants. */
static inline uint64_t view_root(const struct view *view)
{
	return pt_pool_physical(view->base->pt.pool, view->root);
}

#endif
