// SPDX-License-Identifier: MIT
/* Pages for page tables, from what the loader gave at start. */
#include "paging/pt_pool.h"
#include "base/bits.h"

void pt_pool_init(struct pt_pool *pool, uint64_t direct_base)
{
	pool->free_list = NULL;
	pool->free_pages = 0;
	pool->reserve = 0;
	pool->direct_base = direct_base;
}

void pt_pool_free(struct pt_pool *pool, uint64_t *page)
{
	*page = (uint64_t)(uintptr_t)pool->free_list;
	pool->free_list = page;
	pool->free_pages++;
}

void pt_pool_add(struct pt_pool *pool, uint64_t physical, uint64_t bytes)
{
	/* From the end, so that pages are handed out in ascending order. */
	for (uint64_t offset = bytes; offset; offset -= PAGE_BYTES)
		pt_pool_free(pool, pt_pool_virtual(pool, physical + offset - PAGE_BYTES));
}

static bool is_in(const struct pt_pool *pool, const uint64_t *page, uint64_t physical,
		  uint64_t bytes)
{
	return pt_pool_physical(pool, page) - physical < bytes;
}

bool pt_pool_take(struct pt_pool *pool, uint64_t physical, uint64_t bytes)
{
	size_t pages = bytes / PAGE_BYTES, found = 0;
	uint64_t *last = NULL, *next;

	for (uint64_t *page = pool->free_list; page; page = (uint64_t *)(uintptr_t)*page)
		found += is_in(pool, page, physical, bytes);
	if (found != pages || pool->free_pages - pages < pool->reserve)
		return false;
	for (uint64_t *page = pool->free_list; page; page = next) {
		next = (uint64_t *)(uintptr_t)*page;
		if (!is_in(pool, page, physical, bytes))
			last = page;
		else if (last)
			*last = (uint64_t)(uintptr_t)next;
		else
			pool->free_list = next;
	}
	pool->free_pages -= pages;
	return true;
}

uint64_t *pt_pool_alloc(struct pt_pool *pool)
{
	uint64_t *page = pool->free_list;

	if (!pt_pool_available(pool))
		return NULL;
	pool->free_list = (uint64_t *)(uintptr_t)*page;
	pool->free_pages--;
	for (unsigned i = 0; i < PAGE_BYTES / sizeof(*page); i++)
		page[i] = 0;
	return page;
}

void pt_pool_wipe(struct pt_pool *pool)
{
	for (uint64_t *page = pool->free_list; page; page = (uint64_t *)(uintptr_t)*page)
		for (unsigned i = 1; i < PAGE_BYTES / sizeof(*page); i++)
			page[i] = 0;
}
