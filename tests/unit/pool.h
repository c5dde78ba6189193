/* SPDX-License-Identifier: MIT */
/* A pool of pages for page tables, in memory of the test. */
#ifndef HADAL_TESTS_POOL_H
#define HADAL_TESTS_POOL_H

#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "base/bits.h"
#include "paging/pt_pool.h"

/* Where the pool claims its pages to be, so that mixing up addresses crashes. */
#define POOL_PHYSICAL 0x4000000ull

struct test_pool {
	struct pt_pool pool;
	uint8_t *memory;
	size_t pages;
};

static inline void test_pool_init(struct test_pool *test, size_t pages)
{
	test->memory = aligned_alloc(PAGE_BYTES, pages * PAGE_BYTES);
	test->pages = pages;
	memset(test->memory, 0xee, pages * PAGE_BYTES);
	pt_pool_init(&test->pool, (uint64_t)(uintptr_t)test->memory - POOL_PHYSICAL);
	pt_pool_add(&test->pool, POOL_PHYSICAL, pages * PAGE_BYTES);
}

static inline void test_pool_done(struct test_pool *test)
{
	assert_int_equal(test->pool.free_pages, test->pages); /* nothing leaked */
	free(test->memory);
}

#endif
