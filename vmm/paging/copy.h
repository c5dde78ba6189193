/* SPDX-License-Identifier: MIT */
/*
 * Copies of pages for fetches alone: INT3 where breakpoints are, and else what the page holds. All
 * needs nested_lock.
 */
#ifndef HADAL_PAGING_COPY_H
#define HADAL_PAGING_COPY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bits.h"
#include "paging/pt_pool.h"

#define COPIES_MAX 64u
#define COPY_INT3  0xcc

struct page_copy {
	uint64_t gpa;         /* the page that it is of */
	uint64_t source;      /* host-physical address of what that page shows */
	const uint64_t *from; /* the same for the image */
	uint64_t *bytes;      /* the copy: one page of the pool */
	uint32_t users;
	uint8_t int3[PAGE_BYTES / 8]; /* bit n: INT3 stands for byte n */
};

struct copies {
	uint32_t count;
	struct page_copy *at[COPIES_MAX];
};

/* The copy of a page, or NULL. */
struct page_copy *copy_find(const struct copies *copies, uint64_t gpa);

/*
 * One more user of the copy of a page; the first one makes it. 0, -ENOSPC (COPIES_MAX pages),
 * -ENOMEM. Views do not know of it yet.
 */
int copy_take(struct copies *copies, struct pt_pool *pool, uint64_t gpa, uint64_t source,
	      const void *from);
/* One less. The last one takes the copy out: it is to be freed when no CPU has translations to it.
 */
struct page_copy *copy_give(struct copies *copies, uint64_t gpa);
void copy_free(struct pt_pool *pool, struct page_copy *copy);

/* INT3 at an offset in the page, or what is there. */
void copy_set_int3(struct page_copy *copy, uint32_t offset, bool on);

/* What the page holds has changed, by single 64-bit writes at most. */
void copy_refresh(struct page_copy *copy);

#endif
