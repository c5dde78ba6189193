/* SPDX-License-Identifier: MIT */
/* A page table in a pool of its own, and what it says about an address. */
#ifndef HADAL_TESTS_PAGETABLE_FIXTURE_H
#define HADAL_TESTS_PAGETABLE_FIXTURE_H

#include <stdbool.h>
#include "pool.h"
#include "base/errno.h"
#include "paging/pagetable.h"

#define RWX (PT_READ | PT_WRITE | PT_EXEC)
#define WB  PT_TYPE(MEMORY_WB)

struct fixture {
	struct test_pool memory;
	struct pagetable pt;
	struct pt_garbage garbage;
};

static inline void start(struct fixture *f, const struct pt_format *format, unsigned levels,
			 unsigned largest, size_t pages)
{
	test_pool_init(&f->memory, pages);
	f->garbage.count = 0;
	assert_int_equal(pt_init(&f->pt, format, &f->memory.pool, levels, largest), 0);
}

static inline void finish(struct fixture *f)
{
	pt_garbage_free(&f->memory.pool, &f->garbage);
	pt_destroy(&f->pt);
	test_pool_done(&f->memory);
}

static inline uint64_t entry_at(struct fixture *f, uint64_t va, unsigned *level)
{
	uint64_t value;

	assert_non_null(pt_lookup(&f->pt, va, &value, level));
	return value;
}

static inline unsigned level_at(struct fixture *f, uint64_t va)
{
	unsigned level;

	entry_at(f, va, &level);
	return level;
}

/* Translation of one byte, or ~0 when nothing is mapped. */
static inline uint64_t physical_at(struct fixture *f, uint64_t va)
{
	unsigned level;
	uint64_t entry = entry_at(f, va, &level);

	if (!pt_in_use(f->pt.format, entry))
		return ~0ull;
	return pt_leaf_address(entry, level) | (va & (pt_level_bytes(level) - 1));
}

static inline uint32_t attr_at(struct fixture *f, uint64_t va)
{
	unsigned level;

	return pt_leaf_attr(f->pt.format, entry_at(f, va, &level));
}

#endif
