/* SPDX-License-Identifier: MIT */
/* The map of a usual PC in a pool of its own. */
#ifndef HADAL_TESTS_NESTED_FIXTURE_H
#define HADAL_TESTS_NESTED_FIXTURE_H

#include <stdbool.h>
#include "pool.h"
#include "base/errno.h"
#include "paging/nested.h"

#define RWX   (PT_READ | PT_WRITE | PT_EXEC)
#define DUMMY 0x7777000ull

struct fixture {
	struct test_pool memory;
	struct nested nested;
	struct mtrr_state mtrr;
};

/* A usual PC: WB by default, UC from 3 to 4 GiB, fixed ranges with a hole for video memory. */
static inline void usual_mtrrs(struct mtrr_state *mtrr)
{
	*mtrr = (struct mtrr_state){.cap = 0x508, .def_type = 0xc06, .physical_bits = 40};
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++)
		mtrr->fixed[i] = i == 2 ? 0 : 0x0606060606060606;
	mtrr->base[0] = 0xc0000000;
	mtrr->mask[0] = 0xffc0000000 | 1 << 11;
}

static inline void start_with(struct fixture *f, const struct pt_format *format, unsigned largest,
			      uint64_t end, size_t pages)
{
	test_pool_init(&f->memory, pages);
	usual_mtrrs(&f->mtrr);
	assert_int_equal(nested_init(&f->nested, format, &f->memory.pool,
				     format == &pt_format_ept ? &f->mtrr : NULL, 40, 4, largest,
				     end),
			 0);
}

static inline void start(struct fixture *f)
{
	start_with(f, &pt_format_ept, 3, 8 * SIZE_1G, 64);
}

static inline void finish(struct fixture *f)
{
	nested_destroy(&f->nested);
	assert_int_equal(f->memory.pool.reserve, 0);
	test_pool_done(&f->memory);
}

static inline struct nested_page look(struct fixture *f, uint64_t gpa)
{
	struct nested_page page;

	assert_true(nested_lookup(&f->nested, gpa, &page));
	assert_int_equal(nested_gpa_to_hpa(&f->nested, gpa), page.hpa);
	return page;
}

static inline uint64_t raw_entry(struct fixture *f, uint64_t gpa)
{
	uint64_t value;
	unsigned level;

	pt_lookup(&f->nested.pt, gpa, &value, &level);
	return value;
}

#endif
