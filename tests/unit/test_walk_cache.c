// SPDX-License-Identifier: MIT
// Sources: vmm/paging/guest_walk.c
/* The cache of the last walk of the guest's page tables. */
#include "guest_walk_fixture.h"

static void cache_hits_exactly(void **unused)
{
	struct guest_paging paging = long_mode();
	struct walk_cache cache;
	struct guest_walk walk;
	uint8_t page[4096];
	(void)unused;

	walk_cache_drop(&cache);
	assert_null(walk_cache_hit(&cache, 0x1000, GVA));
	assert_null(walk_cache_hit(&cache, 0, 0));
	assert_int_equal(walk_to(&paging, GVA, WALK_EXEC, &walk), 0);
	walk_cache_fill(&cache, 0x1000, GVA, &walk, page);
	assert_ptr_equal(walk_cache_hit(&cache, 0x1000, GVA), page + 0x123);
	assert_ptr_equal(walk_cache_hit(&cache, 0x1000, GVA & ~0xfffull), page);
	assert_ptr_equal(walk_cache_hit(&cache, 0x1000, GVA | 0xfff), page + 0xfff);
	assert_null(walk_cache_hit(&cache, 0x1000, (GVA | 0xfff) + 1));
	assert_null(walk_cache_hit(&cache, 0x1000, (GVA & ~0xfffull) - 1));
	assert_null(walk_cache_hit(&cache, 0x2000, GVA));
	for (unsigned level = 4; level >= 1; level--) {
		memory[5 - level][level != 4] ^= NX;
		assert_null(walk_cache_hit(&cache, 0x1000, GVA));
		memory[5 - level][level != 4] ^= NX;
		assert_non_null(walk_cache_hit(&cache, 0x1000, GVA));
	}
	walk_cache_drop(&cache);
	assert_null(walk_cache_hit(&cache, 0x1000, GVA));
}

static void cache_takes_all_depths(void **unused)
{
	struct guest_paging paging = long_mode();
	struct walk_cache cache;
	struct guest_walk walk;
	uint8_t page[4096];
	(void)unused;

	paging.cr4 |= 1 << 12;
	paging.cr3 = 0x5000;
	memory[5][0] = 0x1000 | ALL;
	assert_int_equal(walk_to(&paging, GVA, WALK_EXEC, &walk), 0);
	walk_cache_fill(&cache, 0x5000, GVA, &walk, page);
	assert_non_null(walk_cache_hit(&cache, 0x5000, GVA));
	memory[4][1] += 0x1000; /* the fifth entry */
	assert_null(walk_cache_hit(&cache, 0x5000, GVA));

	paging = long_mode();
	memory[2][1] = 0x1c0000000 | ALL | PS; /* two levels only */
	assert_int_equal(walk_to(&paging, GVA, WALK_EXEC, &walk), 0);
	walk_cache_fill(&cache, 0x1000, GVA, &walk, page);
	memory[3][1] = 0;
	assert_non_null(walk_cache_hit(&cache, 0x1000, GVA));
	memory[2][1] += SIZE_1G;
	assert_null(walk_cache_hit(&cache, 0x1000, GVA));

	/* other modes are not kept */
	paging.efer = 0;
	paging.cr3 = 0x5fe0;
	memory[5][508] = 0x3000 | P;
	memory[3][0] = 0x4000 | ALL;
	assert_int_equal(walk_to(&paging, 0x1000, WALK_READ, &walk), 0);
	walk_cache_fill(&cache, 0x5fe0, 0x1000, &walk, page);
	assert_null(walk_cache_hit(&cache, 0x5fe0, 0x1000));
	paging.cr0 = 1;
	assert_int_equal(walk_to(&paging, 0x5000, WALK_EXEC, &walk), 0);
	walk_cache_fill(&cache, 0, 0x5000, &walk, page);
	assert_null(walk_cache_hit(&cache, 0, 0x5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cache_hits_exactly),
		TEST(cache_takes_all_depths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
