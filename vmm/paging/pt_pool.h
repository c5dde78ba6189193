/* SPDX-License-Identifier: MIT */
/* The pages that page tables are made of. The caller holds a lock around every use. */
#ifndef HADAL_PAGING_PT_POOL_H
#define HADAL_PAGING_PT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pt_pool {
	uint64_t *free_list; /* linked through the first word of each free page */
	size_t free_pages;
	size_t reserve;       /* pt_pool_alloc() leaves that many pages */
	uint64_t direct_base; /* virtual minus physical address, the same for all pages */
};

/* All pages given to the pool must be mapped at direct_base + their physical address. */
void pt_pool_init(struct pt_pool *pool, uint64_t direct_base);

/* Give a page-aligned range of memory to the pool. bytes: a multiple of 4096. */
void pt_pool_add(struct pt_pool *pool, uint64_t physical, uint64_t bytes);

/* Pages that pt_pool_alloc() would still hand out. */
static inline size_t pt_pool_available(const struct pt_pool *pool)
{
	return pool->free_pages > pool->reserve ? pool->free_pages - pool->reserve : 0;
}

/* Take pages out of it for good. False, and nothing taken, when one of them is in use, or fewer
   than the reserve would be left. */
bool pt_pool_take(struct pt_pool *pool, uint64_t physical, uint64_t bytes);

/* A page of zeros, or NULL when only the reserve is left. */
uint64_t *pt_pool_alloc(struct pt_pool *pool);

/* Give a page back that no page walker can reach any more. */
void pt_pool_free(struct pt_pool *pool, uint64_t *page);

/* Nothing is left in the free pages of what was in them. */
void pt_pool_wipe(struct pt_pool *pool);

static inline uint64_t *pt_pool_virtual(const struct pt_pool *pool, uint64_t physical)
{
	return (uint64_t *)(uintptr_t)(pool->direct_base + physical);
}

static inline uint64_t pt_pool_physical(const struct pt_pool *pool, const uint64_t *page)
{
	return (uint64_t)(uintptr_t)page - pool->direct_base;
}

#endif
