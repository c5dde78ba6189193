// SPDX-License-Identifier: MIT
// Sources: vmm/paging/nested.c vmm/paging/mtrr.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
/* The window in the guest-physical map that shows all RAM again. */
#include "nested_fixture.h"

#define WINDOW (512 * SIZE_1G)

static void unmap_window(struct fixture *f)
{
	uint64_t position = 0;
	bool more;

	do {
		more = nested_window_unmap(&f->nested, &position);
		nested_flushed(&f->nested);
	} while (more);
}

static void a_window_shows_memory_again(void **unused)
{
	struct fixture f;
	uint64_t free_pages;
	(void)unused;

	start(&f);
	free_pages = f.memory.pool.free_pages;
	assert_int_equal(nested_fault_in(&f.nested, WINDOW + SIZE_1G), 0); /* in its way */
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW + 8 * SIZE_1G), 0);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW + 8 * SIZE_1G), -EEXIST);
	unmap_window(&f);
	assert_int_equal(nested_window_map(&f.nested, WINDOW + 0x1000, 0x1000, 0x9e000), 0);
	assert_int_equal(nested_window_map(&f.nested, WINDOW + SIZE_2M, SIZE_2M, SIZE_1G), 0);
	assert_int_equal(
		nested_window_map(&f.nested, WINDOW + 4 * SIZE_1G, 4 * SIZE_1G, 4 * SIZE_1G), 0);
	assert_int_equal(nested_window_map(&f.nested, WINDOW + 8 * SIZE_1G, 0, PAGE_BYTES),
			 -EINVAL);
	assert_int_equal(look(&f, WINDOW + 0x1234).hpa, 0x1234);
	assert_int_equal(look(&f, WINDOW + 0x1234).rights, PT_READ);
	assert_int_equal(look(&f, WINDOW + 0x1234).type, MEMORY_WB);
	assert_int_equal(look(&f, WINDOW + SIZE_2M).level, 2);
	assert_int_equal(look(&f, WINDOW + 5 * SIZE_1G + 7).level, 3);
	assert_int_equal(look(&f, WINDOW + 5 * SIZE_1G + 7).hpa, 5 * SIZE_1G + 7);
	/* what shows another page shows itself in the window */
	assert_int_equal(nested_set(&f.nested, 0x5000, DUMMY, PT_READ), 0);
	assert_int_equal(look(&f, WINDOW + 0x5000).hpa, 0x5000);
	assert_int_equal(nested_reset(&f.nested, 0x5000), 0);
	/* holes are not the identity, now or on demand */
	assert_int_equal(look(&f, WINDOW + 0xa0000).level, 0);
	assert_int_equal(nested_fault_in(&f.nested, WINDOW + 0xa0000), -EINVAL);
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	assert_int_equal(look(&f, WINDOW + 0x1234).hpa, 0x1234);
	unmap_window(&f);
	nested_window_close(&f.nested);
	assert_int_equal(f.memory.pool.free_pages, free_pages);
	assert_int_equal(f.nested.overrides, 0);
	assert_int_equal(nested_fault_in(&f.nested, WINDOW + 0xa0000), 0);
	assert_int_equal(look(&f, WINDOW + 0xa0000).hpa, WINDOW + 0xa0000);
	finish(&f);
}

static void a_window_has_its_place(void **unused)
{
	struct fixture f;
	(void)unused;

	start(&f);
	assert_int_equal(nested_window_open(&f.nested, 7 * SIZE_1G, 9 * SIZE_1G), -EINVAL);
	assert_int_equal(nested_window_open(&f.nested, WINDOW + SIZE_2M, 600 * SIZE_1G), -EINVAL);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, 1025 * SIZE_1G), -EINVAL);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW), -EINVAL);
	assert_int_equal(nested_set(&f.nested, WINDOW, DUMMY, PT_READ), 0);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW + SIZE_1G), -EBUSY);
	assert_int_equal(nested_reset(&f.nested, WINDOW), 0);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW + SIZE_1G), 0);
	nested_window_close(&f.nested);
	finish(&f);
}

/* Mappings made on demand go when the pool is empty; the window is none of them. */
static void a_window_stays_when_the_pool_runs_dry(void **unused)
{
	struct fixture f;
	(void)unused;

	start_with(&f, &pt_format_ept, 2, 4 * SIZE_1G, 40);
	assert_int_equal(nested_window_open(&f.nested, WINDOW, WINDOW + SIZE_1G), 0);
	assert_int_equal(nested_window_map(&f.nested, WINDOW, 0x400000, SIZE_2M), 0);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t gpa = (8 + i) * SIZE_1G;

		if (nested_fault_in(&f.nested, gpa) == -EAGAIN) {
			nested_flushed(&f.nested);
			assert_int_equal(nested_fault_in(&f.nested, gpa), 0);
		}
		assert_int_equal(look(&f, WINDOW).hpa, 0x400000);
	}
	unmap_window(&f);
	nested_window_close(&f.nested);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_shows_memory_again),
		cmocka_unit_test(a_window_has_its_place),
		cmocka_unit_test(a_window_stays_when_the_pool_runs_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
