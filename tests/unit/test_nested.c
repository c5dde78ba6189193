// SPDX-License-Identifier: MIT
// Sources: vmm/paging/nested.c vmm/paging/mtrr.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
/* The guest-physical map: identity, rights, pages that show others. */
#include "random.h"
#include "nested_fixture.h"

static void identity_has_types_and_large_pages(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	assert_int_equal(look(&f, 0x9ffff).level, 1);
	assert_int_equal(look(&f, 0x9ffff).type, MEMORY_WB);
	assert_int_equal(look(&f, 0xa0000).type, MEMORY_UC);
	assert_int_equal(look(&f, 0xbffff).type, MEMORY_UC);
	assert_int_equal(look(&f, 0xc0000).type, MEMORY_WB);
	assert_int_equal(look(&f, SIZE_2M).level, 2);
	assert_int_equal(look(&f, SIZE_1G).level, 3);
	assert_int_equal(look(&f, 3 * SIZE_1G).level, 3);
	assert_int_equal(look(&f, 3 * SIZE_1G).type, MEMORY_UC);
	assert_int_equal(look(&f, 4 * SIZE_1G).type, MEMORY_WB);
	assert_int_equal(look(&f, 0x123456789).hpa, 0x123456789);
	assert_int_equal(look(&f, 0x123456789).rights, RWX);
	assert_false(look(&f, 0x123456789).is_override);
	/* as hardware sees it */
	assert_int_equal(raw_entry(&f, SIZE_1G), 0x400000b7);
	assert_int_equal(raw_entry(&f, 3 * SIZE_1G), 0xc0000087);
	assert_int_equal(raw_entry(&f, 0xa0000), 0xa0007);
	/* the cost told in nested.h: root, PDPT, 1 PD, 1 PT */
	assert_int_equal(f.memory.pool.free_pages, 60);
	finish(&f);
}

static void table_cost_without_1g_pages(void **unused)
{
	struct fixture f;
	(void)unused;

	start_with(&f, &pt_format_ept, 2, 1024ull * SIZE_1G, 1100);
	assert_int_equal(1100 - f.memory.pool.free_pages, 1 + 2 + 1024 + 1);
	finish(&f);
}

static void npt_is_identity_of_its_own_format(void **unused)
{
	struct fixture f;
	(void)unused;

	start_with(&f, &pt_format_npt, 3, 8 * SIZE_1G, 16);
	assert_int_equal(raw_entry(&f, SIZE_1G), 0x400000e7);
	assert_int_equal(look(&f, 0xa0000).level, 3);
	assert_int_equal(nested_set(&f.nested, 0x5000, DUMMY, PT_READ), 0);
	assert_int_equal(raw_entry(&f, 0x5000), 0x8020000000000065 | DUMMY);
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	assert_int_equal(raw_entry(&f, 0x5000), 0x8020000000000065 | DUMMY);
	assert_int_equal(f.memory.pool.free_pages, 12);
	finish(&f);
}

static void eptp_is_exact(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	assert_int_equal(nested_eptp(&f.nested), nested_root(&f.nested) | 0x1e);
	assert_int_equal(nested_root(&f.nested) & 0xfff, 0);
	assert_in_range(nested_root(&f.nested), POOL_PHYSICAL, POOL_PHYSICAL + 64 * PAGE_BYTES);
	finish(&f);
}

static void bad_arguments_are_refused(void **unused)
{
	struct fixture f;
	struct nested_page page;
	uint64_t limit = 1ull << 40;
	(void)unused;

	start(&f);
	assert_int_equal(nested_set(&f.nested, 1, 0, RWX), -EINVAL);
	assert_int_equal(nested_set(&f.nested, 0, 1, RWX), -EINVAL);
	assert_int_equal(nested_set(&f.nested, limit, 0, RWX), -EINVAL);
	assert_int_equal(nested_set(&f.nested, 0, limit, RWX), -EINVAL);
	assert_int_equal(nested_set(&f.nested, 0, 0, PT_WRITE), -EINVAL);
	assert_int_equal(nested_set(&f.nested, 0, 0, PT_EXEC), -EINVAL);
	assert_int_equal(nested_set(&f.nested, 0, 0, 8), -EINVAL);
	assert_int_equal(nested_reset(&f.nested, 1), -EINVAL);
	assert_int_equal(nested_reset(&f.nested, limit), -EINVAL);
	assert_int_equal(nested_reset(&f.nested, 0), -ENOENT);
	assert_int_equal(nested_reset(&f.nested, limit - PAGE_BYTES), -ENOENT);
	assert_int_equal(nested_fault_in(&f.nested, limit), -EINVAL);
	assert_false(nested_lookup(&f.nested, limit, &page));
	assert_int_equal(f.nested.overrides, 0);
	assert_int_equal(f.memory.pool.free_pages, 60);
	finish(&f);
}

static void init_checks_its_arguments(void **unused)
{
	struct test_pool memory;
	struct nested nested;
	(void)unused;

	test_pool_init(&memory, 16);
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 31, 4, 3, 0),
			 -EINVAL);
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 53, 4, 3, 0),
			 -EINVAL);
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 40, 3, 3, 0),
			 -EINVAL);
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 40, 6, 3, 0),
			 -EINVAL);
	memory.pool.reserve = 8; /* of somebody else */
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 40, 4, 3, 0),
			 -ENOMEM);
	memory.pool.reserve = 0;
	/* 4 levels reach 48 bits only; 5 reach all */
	assert_int_equal(nested_init(&nested, &pt_format_npt, &memory.pool, NULL, 52, 4, 3, 1), 0);
	assert_int_equal(nested.limit, 1ull << 48);
	assert_int_equal(nested.end, SIZE_1G);
	/* beyond them nothing is shown in another's place */
	assert_int_equal(nested_set(&nested, 0x5000, DUMMY, RWX), 0);
	assert_int_equal(nested_gpa_to_hpa(&nested, 0x5008), DUMMY + 8);
	assert_int_equal(nested_gpa_to_hpa(&nested, (1ull << 48) + 0x5008), (1ull << 48) + 0x5008);
	assert_int_equal(nested_reset(&nested, 0x5000), 0);
	nested_flushed(&nested);
	nested_destroy(&nested);
	assert_int_equal(nested_init(&nested, &pt_format_ept, &memory.pool, NULL, 52, 5, 3, 1), 0);
	assert_int_equal(nested.limit, 1ull << 52);
	assert_int_equal(nested_eptp(&nested) & 0xfff, 0x26);
	nested_destroy(&nested);
	test_pool_done(&memory);
}

static void init_needs_its_reserve(void **unused)
{
	(void)unused;

	for (size_t pages = 0; pages <= 4 + NESTED_RESERVE; pages++) {
		struct fixture f;
		int err;

		test_pool_init(&f.memory, pages ? pages : 1);
		if (!pages)
			pt_pool_alloc(&f.memory.pool);
		usual_mtrrs(&f.mtrr);
		err = nested_init(&f.nested, &pt_format_ept, &f.memory.pool, &f.mtrr, 40, 4, 3,
				  4 * SIZE_1G);
		assert_int_equal(err, pages < 4 + NESTED_RESERVE ? -ENOMEM : 0);
		assert_int_equal(f.memory.pool.reserve, err ? 0 : NESTED_RESERVE);
		if (!err)
			nested_destroy(&f.nested);
		if (!pages)
			pt_pool_free(&f.memory.pool, (uint64_t *)f.memory.memory);
		test_pool_done(&f.memory);
	}
}

static void pages_are_remapped_hidden_and_restricted(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	assert_int_equal(nested_set(&f.nested, 0x40005000, DUMMY, PT_READ | PT_WRITE), 0);
	assert_int_equal(nested_set(&f.nested, 0x40006000, 0x40006000, PT_READ | PT_EXEC), 0);
	assert_int_equal(nested_set(&f.nested, 0x40007000, 0x40007000, 0), 0);
	assert_int_equal(nested_set(&f.nested, 0x40008000, 0xd0000000, RWX), 0);
	assert_int_equal(look(&f, 0x40005123).hpa, DUMMY + 0x123);
	assert_int_equal(look(&f, 0x40005123).rights, PT_READ | PT_WRITE);
	assert_true(look(&f, 0x40005000).is_override);
	assert_int_equal(look(&f, 0x40006000).rights, PT_READ | PT_EXEC);
	assert_int_equal(look(&f, 0x40007000).rights, 0);
	assert_int_equal(look(&f, 0x40007abc).hpa, 0x40007abc);
	assert_int_equal(raw_entry(&f, 0x40007000) & 7, 0);
	/* the type is that of the memory shown */
	assert_int_equal(look(&f, 0x40008000).type, MEMORY_UC);
	assert_int_equal(look(&f, 0x40004fff).hpa, 0x40004fff);
	assert_int_equal(look(&f, 0x40009000).hpa, 0x40009000);
	assert_false(look(&f, 0x40009000).is_override);
	assert_int_equal(f.nested.overrides, 4);
	finish(&f);
}

static void reset_brings_large_pages_back(void **unused)
{
	struct fixture f;
	size_t before;
	(void)unused;

	start(&f);
	before = f.memory.pool.free_pages;
	assert_int_equal(nested_set(&f.nested, 0x40005000, DUMMY, RWX), 0);
	assert_int_equal(nested_set(&f.nested, 0x40005000, DUMMY, PT_READ), 0); /* counts once */
	assert_int_equal(nested_set(&f.nested, 0x40006000, DUMMY, RWX), 0);
	assert_int_equal(nested_set(&f.nested, 0x50000000, DUMMY, RWX), 0);
	assert_int_equal(f.nested.overrides, 3);
	assert_int_equal(nested_reset(&f.nested, 0x40005000), 0);
	assert_int_equal(look(&f, 0x40005000).level, 1);
	assert_int_equal(nested_reset(&f.nested, 0x40006000), 0);
	assert_int_equal(look(&f, 0x40005000).level, 2);
	assert_int_equal(nested_reset(&f.nested, 0x40006000), -ENOENT);
	assert_int_equal(nested_reset(&f.nested, 0x50000000), 0);
	assert_int_equal(look(&f, 0x40005000).level, 3);
	assert_int_equal(f.nested.overrides, 0);
	/* tables are kept until all processors have flushed */
	assert_int_equal(f.memory.pool.free_pages, before - 3);
	nested_flushed(&f.nested);
	assert_int_equal(f.memory.pool.free_pages, before);
	finish(&f);
}

static void contiguous_changes_are_not_merged(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	for (uint64_t gpa = SIZE_1G; gpa < SIZE_1G + SIZE_2M; gpa += PAGE_BYTES)
		assert_int_equal(nested_set(&f.nested, gpa, gpa + SIZE_1G, RWX), 0);
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	assert_int_equal(look(&f, SIZE_1G).level, 1);
	assert_int_equal(look(&f, SIZE_1G + 0x1234).hpa, 2 * SIZE_1G + 0x1234);
	finish(&f);
}

static void exhaustion_changes_nothing(void **unused)
{
	struct fixture f;
	(void)unused;

	start_with(&f, &pt_format_ept, 3, 4 * SIZE_1G, 4 + NESTED_RESERVE + 1);
	assert_int_equal(nested_set(&f.nested, SIZE_1G, DUMMY, RWX), -ENOMEM); /* takes 2 */
	assert_int_equal(look(&f, SIZE_1G).level, 3);
	f.mtrr.base[1] = SIZE_1G;
	f.mtrr.mask[1] = 0xfffff00000 | 1 << 11; /* 1 MiB of UC: takes 2 */
	f.mtrr.base[2] = 0;
	f.mtrr.mask[2] = 0xffffe00000 | 1 << 11; /* what could be done before that */
	assert_int_equal(nested_rebuild_types(&f.nested), -ENOMEM);
	assert_int_equal(look(&f, SIZE_1G).type, MEMORY_WB);
	assert_int_equal(look(&f, SIZE_1G).level, 3);
	assert_int_equal(look(&f, 0x100000).type, MEMORY_WB);
	f.mtrr.mask[1] = 0;
	f.mtrr.mask[2] = 0;
	assert_int_equal(nested_set(&f.nested, SIZE_2M, DUMMY, RWX), 0); /* takes 1 */
	assert_int_equal(nested_set(&f.nested, 2 * SIZE_2M, DUMMY, RWX), -ENOMEM);
	assert_int_equal(look(&f, 2 * SIZE_2M).level, 2);
	assert_int_equal(f.nested.overrides, 1);
	finish(&f);
}

static void changes_never_hold_the_reserve(void **unused)
{
	struct fixture f;
	uint64_t bar = 0x4000000000;
	(void)unused;

	start_with(&f, &pt_format_ept, 2, 4 * SIZE_1G, 7 + NESTED_RESERVE);
	f.mtrr.base[1] = bar | MEMORY_WC;
	f.mtrr.mask[1] = 0xfffff00000 | 1 << 11;
	assert_int_equal(nested_fault_in(&f.nested, bar), 0);
	assert_int_equal(f.memory.pool.free_pages, NESTED_RESERVE - 2);
	assert_int_equal(look(&f, bar).level, 1); /* no more table would be needed */
	assert_int_equal(nested_set(&f.nested, bar, DUMMY, RWX), -ENOMEM);
	assert_int_equal(look(&f, bar).hpa, bar);
	finish(&f);
}

static void rebuild_keeps_changed_pages(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	assert_int_equal(nested_set(&f.nested, 0x40005000, DUMMY, PT_READ), 0);
	assert_int_equal(nested_set(&f.nested, 0x40006000, 0x40006000, 0), 0);
	f.mtrr.base[1] = SIZE_1G | MEMORY_WT;
	f.mtrr.mask[1] = 0xfff0000000 | 1 << 11; /* 1 GiB to 1.25 GiB */
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	assert_int_equal(look(&f, 0x40005000).hpa, DUMMY);
	assert_int_equal(look(&f, 0x40005000).rights, PT_READ);
	assert_int_equal(look(&f, 0x40005000).type, MEMORY_WB); /* DUMMY's */
	assert_int_equal(look(&f, 0x40006000).rights, 0);
	assert_int_equal(look(&f, 0x40006000).type, MEMORY_WT);
	assert_int_equal(look(&f, 0x40007000).type, MEMORY_WT);
	assert_int_equal(look(&f, 0x4fffffff).type, MEMORY_WT);
	assert_int_equal(look(&f, 0x50000000).type, MEMORY_WB);
	assert_int_equal(look(&f, 0x48000000).level, 2);
	assert_int_equal(look(&f, 0x80000000).level, 3);
	finish(&f);
}

static void rebuild_follows_disabling_and_enabling(void **unused)
{
	struct fixture f;
	size_t before;
	(void)unused;

	start(&f);
	before = f.memory.pool.free_pages;
	f.mtrr.def_type &= ~0x800ull; /* as Linux does while it changes MTRRs */
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	for (uint64_t gpa = 0; gpa < 8 * SIZE_1G; gpa += SIZE_1G) {
		assert_int_equal(look(&f, gpa).type, MEMORY_UC);
		assert_int_equal(look(&f, gpa).level, 3);
	}
	f.mtrr.def_type |= 0x800;
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	nested_flushed(&f.nested);
	assert_int_equal(f.memory.pool.free_pages, before);
	assert_int_equal(look(&f, 0xa0000).type, MEMORY_UC);
	assert_int_equal(look(&f, 0x90000).type, MEMORY_WB);
	assert_int_equal(look(&f, 3 * SIZE_1G).type, MEMORY_UC);
	assert_int_equal(look(&f, SIZE_1G).type, MEMORY_WB);
	finish(&f);
}

static void far_addresses_are_mapped_on_demand(void **unused)
{
	struct fixture f;
	uint64_t bar = 0x4012345000;
	(void)unused;

	start(&f);
	assert_int_equal(look(&f, bar).level, 0);
	assert_int_equal(look(&f, bar).hpa, bar);
	assert_int_equal(look(&f, bar).type, MEMORY_WB);
	assert_int_equal(nested_fault_in(&f.nested, bar), 0);
	assert_int_equal(look(&f, bar).level, 3);
	assert_int_equal(look(&f, bar).rights, RWX);
	assert_int_equal(nested_fault_in(&f.nested, bar), 0);
	assert_int_equal(nested_fault_in(&f.nested, SIZE_1G), 0); /* was mapped */
	/* changing a far page takes the rest of its piece with it */
	assert_int_equal(nested_set(&f.nested, bar + SIZE_1G, DUMMY, RWX), 0);
	assert_int_equal(look(&f, bar + SIZE_1G).hpa, DUMMY);
	assert_int_equal(look(&f, bar + SIZE_1G + PAGE_BYTES).level, 1);
	assert_int_equal(look(&f, bar + SIZE_1G + SIZE_2M).level, 2);
	assert_int_equal(nested_reset(&f.nested, bar + SIZE_1G), 0);
	assert_int_equal(look(&f, bar + SIZE_1G).level, 3);
	finish(&f);
}

static void far_types_are_exact(void **unused)
{
	struct fixture f;
	uint64_t bar = 0x4000000000;
	(void)unused;

	start(&f);
	f.mtrr.base[1] = bar | MEMORY_WC;
	f.mtrr.mask[1] = 0xfffff00000 | 1 << 11; /* 1 MiB */
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	assert_int_equal(nested_fault_in(&f.nested, bar + SIZE_2M), 0);
	assert_int_equal(look(&f, bar + SIZE_2M).level, 2);
	assert_int_equal(look(&f, bar).level, 0);
	assert_int_equal(nested_fault_in(&f.nested, bar + 0x100000), 0);
	assert_int_equal(look(&f, bar).type, MEMORY_WC);
	assert_int_equal(look(&f, bar + 0xfffff).type, MEMORY_WC);
	assert_int_equal(look(&f, bar + 0x100000).type, MEMORY_WB);
	assert_int_equal(look(&f, bar).level, 1);
	finish(&f);
}

/* A guest that touches addresses all over the place must never find the map stuck. */
static void on_demand_mapping_never_runs_dry(void **unused)
{
	struct fixture f;
	uint64_t seed = 7;
	unsigned again = 0;
	(void)unused;

	start_with(&f, &pt_format_ept, 2, 4 * SIZE_1G, 6 + 5 + NESTED_RESERVE);
	/* changes at far pages, as many as go in, hold tables for good */
	for (uint64_t gpa = 100 * SIZE_1G; gpa < 110 * SIZE_1G; gpa += SIZE_1G)
		nested_set(&f.nested, gpa, DUMMY, RWX);
	assert_true(f.nested.overrides >= 1);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t gpa = random_next(&seed) & 0xfffffff000;
		int err = nested_fault_in(&f.nested, gpa);

		if (err) {
			assert_int_equal(err, -EAGAIN);
			assert_true(f.nested.garbage.count > 0);
			nested_flushed(&f.nested);
			again++;
			assert_int_equal(nested_fault_in(&f.nested, gpa), 0);
		}
		assert_int_not_equal(look(&f, gpa).level, 0);
		assert_int_equal(look(&f, 100 * SIZE_1G).hpa, DUMMY);
		/* with the reserve in use, far changes are refused, near ones work on */
		if (f.memory.pool.free_pages < NESTED_RESERVE)
			assert_int_equal(nested_set(&f.nested, gpa, DUMMY, RWX), -ENOMEM);
	}
	assert_true(again > 100);
	assert_int_equal(look(&f, SIZE_1G).level, 2); /* what was there from the start stays */
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identity_has_types_and_large_pages),
		cmocka_unit_test(table_cost_without_1g_pages),
		cmocka_unit_test(npt_is_identity_of_its_own_format),
		cmocka_unit_test(eptp_is_exact),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(init_checks_its_arguments),
		cmocka_unit_test(init_needs_its_reserve),
		cmocka_unit_test(pages_are_remapped_hidden_and_restricted),
		cmocka_unit_test(reset_brings_large_pages_back),
		cmocka_unit_test(contiguous_changes_are_not_merged),
		cmocka_unit_test(exhaustion_changes_nothing),
		cmocka_unit_test(changes_never_hold_the_reserve),
		cmocka_unit_test(rebuild_keeps_changed_pages),
		cmocka_unit_test(rebuild_follows_disabling_and_enabling),
		cmocka_unit_test(far_addresses_are_mapped_on_demand),
		cmocka_unit_test(far_types_are_exact),
		cmocka_unit_test(on_demand_mapping_never_runs_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
