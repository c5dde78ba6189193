// SPDX-License-Identifier: MIT
// Sources: vmm/paging/pagetable.c vmm/paging/pt_pool.c
/* Page tables of every format, bit for bit. */
#include "pagetable_fixture.h"

static void ept_bits_are_exact(void **unused)
{
	const struct pt_format *ept = &pt_format_ept;
	(void)unused;

	assert_int_equal(pt_make_leaf(ept, 0x1000, RWX | WB, 1), 0x1037);
	assert_int_equal(pt_make_leaf(ept, 0x200000, RWX | WB, 2), 0x2000b7);
	assert_int_equal(pt_make_leaf(ept, 0x40000000, RWX | PT_TYPE(MEMORY_UC), 3), 0x40000087);
	assert_int_equal(pt_make_leaf(ept, 0, PT_READ | PT_TYPE(MEMORY_WC), 1), 0x9);
	assert_int_equal(pt_make_leaf(ept, 0, PT_READ | PT_WRITE | PT_TYPE(MEMORY_WT), 1), 0x23);
	assert_int_equal(pt_make_leaf(ept, 0, PT_READ | PT_EXEC | PT_TYPE(MEMORY_WP), 1), 0x2d);
	/* no rights: not present for the processor, kept for us */
	assert_int_equal(pt_make_leaf(ept, 0x5000, WB | PT_PINNED, 1), 0x0030000000005030);
	assert_int_equal(ept->table_extra, 7);
}

static void npt_bits_are_exact(void **unused)
{
	const struct pt_format *npt = &pt_format_npt;
	(void)unused;

	assert_int_equal(pt_make_leaf(npt, 0x1000, RWX | WB, 1), 0x1067);
	assert_int_equal(pt_make_leaf(npt, 0x200000, RWX | WB, 2), 0x2000e7);
	assert_int_equal(pt_make_leaf(npt, 0x40000000, RWX, 3), 0x400000e7); /* no PAT bits */
	assert_int_equal(pt_make_leaf(npt, 0x1000, PT_READ | WB, 1), 0x8000000000001065);
	assert_int_equal(pt_make_leaf(npt, 0x1000, PT_READ | PT_EXEC | WB, 1), 0x1065);
	assert_int_equal(pt_make_leaf(npt, 0x1000, WB, 1), 0x0010000000001000);
	assert_int_equal(npt->table_extra, 0x27);
}

static void host_bits_are_exact(void **unused)
{
	const struct pt_format *host = &pt_format_host;
	(void)unused;

	assert_int_equal(pt_make_leaf(host, 0x1000, RWX | WB, 1), 0x1063); /* supervisor */
	assert_int_equal(pt_make_leaf(host, 0x1000, PT_READ | WB | PT_GLOBAL, 1),
			 0x8000000000001161);
	assert_int_equal(pt_make_leaf(host, 0x200000, PT_READ | PT_EXEC | PT_TYPE(MEMORY_UC), 2),
			 0x2000f9);
	/* a type that PAT might not have becomes UC */
	assert_int_equal(pt_make_leaf(host, 0, PT_READ | PT_EXEC | PT_TYPE(MEMORY_WC), 1), 0x79);
	assert_int_equal(host->table_extra, 0x23);
}

static void attributes_survive_each_format(void **unused)
{
	static const struct pt_format *const formats[] = {&pt_format_host, &pt_format_npt,
							  &pt_format_ept};
	static const unsigned types[] = {MEMORY_UC, MEMORY_WC, MEMORY_WT, MEMORY_WP, MEMORY_WB};
	(void)unused;

	for (unsigned f = 0; f < 3; f++) {
		for (unsigned bits = 0; bits < 5 * 16; bits++) {
			uint32_t attr = (bits & 7) | (bits & 8 ? PT_PINNED : 0);
			unsigned type = types[bits / 16];
			uint32_t back;

			if ((attr & 7) && !(attr & PT_READ))
				continue;
			back = pt_leaf_attr(formats[f], pt_make_leaf(formats[f], 0xabc000,
								     attr | PT_TYPE(type), 1));
			assert_int_equal(back & 0xff, attr);
			if (formats[f] == &pt_format_npt)
				type = MEMORY_WB;
			else if (formats[f] == &pt_format_host && type != MEMORY_WB)
				type = MEMORY_UC;
			assert_int_equal(pt_type(back), type);
		}
	}
}

static void maps_with_the_largest_pages(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 16);
	assert_int_equal(pt_map(&f.pt, SIZE_1G - SIZE_2M - PAGE_BYTES,
				SIZE_1G - SIZE_2M - PAGE_BYTES,
				2 * SIZE_1G + SIZE_2M + 3 * PAGE_BYTES, RWX | WB),
			 0);
	assert_int_equal(level_at(&f, SIZE_1G - SIZE_2M - PAGE_BYTES), 1);
	assert_int_equal(level_at(&f, SIZE_1G - SIZE_2M), 2);
	assert_int_equal(level_at(&f, SIZE_1G), 3);
	assert_int_equal(level_at(&f, 2 * SIZE_1G), 3);
	assert_int_equal(level_at(&f, 3 * SIZE_1G), 1);
	assert_int_equal(physical_at(&f, 3 * SIZE_1G + 0x1fff), 3 * SIZE_1G + 0x1fff);
	assert_int_equal(physical_at(&f, 3 * SIZE_1G + 0x2000), ~0ull);
	/* root, PDPT, 2 PDs, 2 PTs */
	assert_int_equal(f.memory.pool.free_pages, 10);
	finish(&f);
}

static void unequal_alignment_takes_smaller_pages(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_host, 4, 3, 16);
	assert_int_equal(pt_map(&f.pt, SIZE_1G, SIZE_1G + SIZE_2M, SIZE_1G, RWX | WB), 0);
	assert_int_equal(level_at(&f, SIZE_1G), 2);
	assert_int_equal(pt_map(&f.pt, 4 * SIZE_1G, PAGE_BYTES, SIZE_2M, RWX | WB), 0);
	assert_int_equal(level_at(&f, 4 * SIZE_1G), 1);
	assert_int_equal(physical_at(&f, 4 * SIZE_1G + 0x1ff123), PAGE_BYTES + 0x1ff123);
	finish(&f);
}

static void no_1g_pages_where_there_are_none(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_npt, 4, 2, 16);
	assert_int_equal(pt_map(&f.pt, 0, 0, 2 * SIZE_1G, RWX | WB), 0);
	assert_int_equal(level_at(&f, SIZE_1G), 2);
	assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 0);
	finish(&f);
}

static void five_levels_and_upper_half(void **unused)
{
	struct fixture f;
	uint64_t high = 0xff12345678a00000;
	(void)unused;

	start(&f, &pt_format_host, 5, 3, 16);
	assert_int_equal(pt_map(&f.pt, high, 0x7000, 3 * PAGE_BYTES, PT_READ | WB), 0);
	assert_int_equal(physical_at(&f, high + 0x2abc), 0x9abc);
	assert_int_equal(pt_map(&f.pt, ~0ull - 0xfff, 0x1000, PAGE_BYTES, PT_READ | WB), 0);
	assert_int_equal(physical_at(&f, ~0ull), 0x1fff);
	assert_int_equal(pt_map(&f.pt, ~0ull - 0x1fff, 0x1000, 3 * PAGE_BYTES, WB), -EINVAL);
	finish(&f);
}

static void bad_arguments_are_refused(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	assert_int_equal(pt_map(&f.pt, 1, 0, PAGE_BYTES, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 1, PAGE_BYTES, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 0, 1, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 0, 0, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 1ull << 52, PAGE_BYTES, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, (1ull << 52) - PAGE_BYTES, 2 * PAGE_BYTES, RWX), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 0, PAGE_BYTES, PT_WRITE), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 0, PAGE_BYTES, PT_EXEC), -EINVAL);
	assert_int_equal(pt_map(&f.pt, 0, 0, ~0xfffull, RWX), -EINVAL);
	assert_int_equal(pt_set_page(&f.pt, 1, 0, RWX), -EINVAL);
	assert_int_equal(pt_set_page(&f.pt, 0, 1ull << 52, RWX), -EINVAL);
	assert_int_equal(pt_unmap(&f.pt, 0, 1, &f.garbage), -EINVAL);
	assert_int_equal(pt_split(&f.pt, 0, 1), -ENOENT);
	assert_int_equal(f.memory.pool.free_pages, 7);
	finish(&f);
}

static void mapping_twice_is_refused_whole(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	assert_int_equal(pt_map(&f.pt, 0x5000, 0x5000, PAGE_BYTES, WB), 0); /* without rights */
	assert_int_equal(pt_map(&f.pt, 0, 0, 0x6000, RWX | WB), -EEXIST);
	assert_int_equal(physical_at(&f, 0), ~0ull);
	assert_int_equal(physical_at(&f, 0x5000), 0x5000);
	finish(&f);
}

static void splitting_keeps_the_meaning(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	assert_int_equal(pt_map(&f.pt, 0, SIZE_1G, SIZE_1G, PT_READ | PT_EXEC | PT_TYPE(MEMORY_WT)),
			 0);
	assert_int_equal(pt_split(&f.pt, 5 * SIZE_2M, 1), 0);
	assert_int_equal(level_at(&f, 0), 2);
	assert_int_equal(level_at(&f, 5 * SIZE_2M), 1);
	for (uint64_t va = 0; va < SIZE_1G; va += 123 * PAGE_BYTES) {
		assert_int_equal(physical_at(&f, va), SIZE_1G + va);
		assert_int_equal(attr_at(&f, va), PT_READ | PT_EXEC | PT_TYPE(MEMORY_WT));
	}
	assert_int_equal(pt_split(&f.pt, 5 * SIZE_2M, 1), 0); /* nothing left to do */
	assert_int_equal(pt_merge(&f.pt, 5 * SIZE_2M, &f.garbage), 2);
	assert_int_equal(level_at(&f, 5 * SIZE_2M), 3);
	assert_int_equal(attr_at(&f, 0), PT_READ | PT_EXEC | PT_TYPE(MEMORY_WT));
	assert_int_equal(f.garbage.count, 2);
	finish(&f);
}

static void unlike_entries_do_not_merge(void **unused)
{
	static const struct {
		uint64_t va, physical;
		uint32_t attr;
	} changes[] = {
		{0x1ff000, 0x1ff000, PT_READ | PT_WRITE | WB},
		{0x000000, 0x000000, RWX | PT_TYPE(MEMORY_UC)},
		{0x080000, 0x081000, RWX | WB},
		{0x000000, 0x200000, RWX | WB},
		{0x0ff000, 0x0ff000, RWX | WB | PT_PINNED},
		{0x000000, 0x000000, RWX | WB | PT_PINNED},
		{0x100000, 0x100000, WB},
	};
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	assert_int_equal(pt_map(&f.pt, 0, 0, SIZE_1G, RWX | WB), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		assert_int_equal(
			pt_set_page(&f.pt, changes[i].va, changes[i].physical, changes[i].attr), 0);
		assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 0);
		assert_int_equal(pt_set_page(&f.pt, changes[i].va, changes[i].va, RWX | WB), 0);
		assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 2);
		pt_garbage_free(&f.memory.pool, &f.garbage);
	}
	assert_int_equal(pt_map(&f.pt, SIZE_1G, SIZE_1G, SIZE_2M + PAGE_BYTES, RWX | WB), 0);
	for (uint64_t va = SIZE_1G; va < SIZE_1G + SIZE_2M; va += PAGE_BYTES)
		assert_int_equal(pt_set_page(&f.pt, va, va, RWX | WB | PT_PINNED), 0);
	assert_int_equal(pt_merge(&f.pt, SIZE_1G, &f.garbage), 0); /* alike, but pinned */
	/* all alike, but not aligned to the larger page */
	assert_int_equal(pt_unmap(&f.pt, 0, SIZE_1G, &f.garbage), 0);
	assert_int_equal(pt_map(&f.pt, 0, PAGE_BYTES, SIZE_2M, RWX | WB), 0);
	assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 0);
	finish(&f);
}

static void full_garbage_stops_merging_only(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	assert_int_equal(pt_map(&f.pt, 0, 0, SIZE_1G, RWX | WB), 0);
	assert_int_equal(pt_split(&f.pt, 0, 1), 0);
	f.garbage.count = PT_GARBAGE_MAX;
	assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 0);
	assert_int_equal(pt_unmap(&f.pt, 0, SIZE_2M, &f.garbage), 0);
	assert_int_equal(f.garbage.count, PT_GARBAGE_MAX);
	assert_int_equal(physical_at(&f, 0), ~0ull);
	assert_int_equal(pt_map(&f.pt, 0, 0, SIZE_2M, RWX | WB), 0); /* in the table that stayed */
	assert_int_equal(level_at(&f, 0), 1);
	f.garbage.count = 0;
	assert_int_equal(pt_merge(&f.pt, 0, &f.garbage), 2);
	finish(&f);
}

static void empty_tables_are_used_again(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 8);
	f.garbage.count = PT_GARBAGE_MAX;
	assert_int_equal(pt_map(&f.pt, SIZE_2M, SIZE_2M, PAGE_BYTES, RWX | WB), 0);
	assert_int_equal(pt_unmap(&f.pt, SIZE_2M, PAGE_BYTES, &f.garbage), 0);
	assert_int_equal(pt_map(&f.pt, 0, 0, 3 * SIZE_2M, RWX | WB), 0);
	assert_int_equal(level_at(&f, 0), 2);
	assert_int_equal(level_at(&f, SIZE_2M), 1);
	assert_int_equal(level_at(&f, 2 * SIZE_2M), 2);
	f.garbage.count = 0;
	finish(&f);
}

static void unmapping_cuts_and_frees(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_ept, 4, 3, 16);
	assert_int_equal(pt_map(&f.pt, 0, 0, 2 * SIZE_1G, RWX | WB), 0);
	assert_int_equal(pt_unmap(&f.pt, SIZE_1G - PAGE_BYTES, 2 * PAGE_BYTES, &f.garbage), 0);
	assert_int_equal(physical_at(&f, SIZE_1G - PAGE_BYTES - 1), SIZE_1G - PAGE_BYTES - 1);
	assert_int_equal(physical_at(&f, SIZE_1G - PAGE_BYTES), ~0ull);
	assert_int_equal(physical_at(&f, SIZE_1G), ~0ull);
	assert_int_equal(physical_at(&f, SIZE_1G + PAGE_BYTES), SIZE_1G + PAGE_BYTES);
	assert_int_equal(f.garbage.count, 0);
	assert_int_equal(pt_unmap(&f.pt, 0, 1ull << 48, &f.garbage), 0);
	assert_int_equal(f.garbage.count, 5); /* PDPT, 2 PDs, 2 PTs */
	assert_int_equal(level_at(&f, 0), 4);
	finish(&f);
}

static void exhaustion_changes_nothing(void **unused)
{
	(void)unused;

	/* Each operation with every number of pages up to what it takes. */
	for (size_t pages = 1;; pages++) {
		struct fixture f;
		int err;

		start(&f, &pt_format_npt, 4, 3, pages);
		err = pt_map(&f.pt, SIZE_1G - PAGE_BYTES, 0x123000 - PAGE_BYTES,
			     SIZE_1G + 2 * PAGE_BYTES, RWX | WB);
		if (err) {
			assert_int_equal(err, -ENOMEM);
			assert_int_equal(f.memory.pool.free_pages, pages - 1);
			assert_int_equal(physical_at(&f, SIZE_1G), ~0ull);
			finish(&f);
			continue;
		}
		finish(&f);
		assert_int_equal(pages, 1 + 1 + 3 + 514); /* root, PDPT, PDs, PTs: not one more */
		break;
	}
	for (size_t pages = 1; pages < 6; pages++) {
		struct fixture f;
		int expected = pages < 4 ? -ENOMEM : 0;

		start(&f, &pt_format_npt, 4, 3, pages);
		assert_int_equal(pt_set_page(&f.pt, 0x5000, 0x9000, PT_READ | WB), expected);
		assert_int_equal(f.memory.pool.free_pages, expected ? pages - 1 : pages - 4);
		assert_int_equal(level_at(&f, 0x5000), expected ? 4 : 1);
		finish(&f);
	}
	for (size_t pages = 2; pages < 6; pages++) {
		struct fixture f;
		int expected = pages < 4 ? -ENOMEM : 0;

		start(&f, &pt_format_npt, 4, 3, pages);
		assert_int_equal(pt_map(&f.pt, 0, 0, 2 * SIZE_1G, RWX | WB), 0);
		assert_int_equal(pt_set_page(&f.pt, 0x5000, 0x9000, PT_READ | WB), expected);
		assert_int_equal(physical_at(&f, 0x5000), expected ? 0x5000 : 0x9000);
		assert_int_equal(level_at(&f, 0), expected ? 3 : 1);
		if (expected) {
			assert_int_equal(pt_split(&f.pt, 0, 1), -ENOMEM);
			assert_int_equal(pt_unmap(&f.pt, 0, PAGE_BYTES, &f.garbage), -ENOMEM);
			assert_int_equal(level_at(&f, 0), 3);
			assert_int_equal(f.memory.pool.free_pages, pages - 2);
		}
		finish(&f);
	}
}

static void reserve_is_kept(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f, &pt_format_npt, 4, 3, 8);
	f.memory.pool.reserve = 7;
	assert_int_equal(pt_map(&f.pt, 0, 0, SIZE_1G, RWX | WB), -ENOMEM);
	f.memory.pool.reserve = 6;
	assert_int_equal(pt_map(&f.pt, 0, 0, SIZE_1G, RWX | WB), 0);
	f.memory.pool.reserve = 100;
	assert_null(pt_pool_alloc(&f.memory.pool));
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ept_bits_are_exact),
		cmocka_unit_test(npt_bits_are_exact),
		cmocka_unit_test(host_bits_are_exact),
		cmocka_unit_test(attributes_survive_each_format),
		cmocka_unit_test(maps_with_the_largest_pages),
		cmocka_unit_test(unequal_alignment_takes_smaller_pages),
		cmocka_unit_test(no_1g_pages_where_there_are_none),
		cmocka_unit_test(five_levels_and_upper_half),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(mapping_twice_is_refused_whole),
		cmocka_unit_test(splitting_keeps_the_meaning),
		cmocka_unit_test(unlike_entries_do_not_merge),
		cmocka_unit_test(full_garbage_stops_merging_only),
		cmocka_unit_test(empty_tables_are_used_again),
		cmocka_unit_test(unmapping_cuts_and_frees),
		cmocka_unit_test(exhaustion_changes_nothing),
		cmocka_unit_test(reserve_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
