// SPDX-License-Identifier: MIT
// Sources: vmm/paging/view.c vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
// Sources: vmm/paging/mtrr.c
/* Views: what is denied, what else is as the map has it, and that they follow its changes. */
#include "nested_fixture.h"
#include "paging/view.h"

#define PAGE  0x52345000ull
#define PAGES 64

static struct fixture f;
static struct view view;

/* What a processor that walks the view finds for an address. */
static uint64_t walked(uint64_t gpa, unsigned *level)
{
	struct pagetable pt = f.nested.pt;
	uint64_t entry;

	pt.root = view.root;
	pt_lookup(&pt, gpa, &entry, level);
	return entry;
}

static uint32_t rights(uint64_t gpa)
{
	unsigned level;
	uint64_t entry = walked(gpa, &level);

	return pt_leaf_attr(f.nested.pt.format, entry) & PT_RIGHTS;
}

static uint64_t shown(uint64_t gpa)
{
	unsigned level;
	uint64_t entry = walked(gpa, &level);

	return pt_leaf_address(entry, level) | (gpa & (pt_level_bytes(level) - 1));
}

static int open_view(void **state)
{
	(void)state;
	start(&f);
	assert_int_equal(view_open(&view, &f.nested), 0);
	return 0;
}

/* Whatever was done, all pages come back. */
static int close_view(void **state)
{
	(void)state;
	view_close(&view);
	finish(&f);
	return 0;
}

static void a_page_is_denied_and_its_neighbours_are_not(void **state)
{
	(void)state;
	assert_int_equal(view_denied(&view, PAGE), 0);
	assert_int_equal(view_deny(&view, PAGE, PT_WRITE), 0);
	assert_int_equal(view_denied(&view, PAGE + 0xfff), PT_WRITE);
	assert_int_equal(rights(PAGE), PT_READ | PT_EXEC);
	assert_int_equal(shown(PAGE + 5), PAGE + 5);
	for (int i = -1; i <= 1; i += 2) {
		assert_int_equal(rights(PAGE + i * PAGE_BYTES), RWX);
		assert_int_equal(view_denied(&view, PAGE + i * PAGE_BYTES), 0);
		assert_int_equal(shown(PAGE + i * PAGE_BYTES), PAGE + i * PAGE_BYTES);
	}
	assert_int_equal(rights(5 * SIZE_1G), RWX);
	assert_int_equal(look(&f, PAGE).rights, RWX);
	assert_int_equal(look(&f, PAGE).level, 3); /* the map is not split for it */
	assert_int_equal(view_deny(&view, PAGE, 0), 0);
	assert_int_equal(rights(PAGE), RWX);
}

static void nothing_may_be_written_that_may_not_be_read(void **state)
{
	(void)state;
	assert_int_equal(view_deny(&view, PAGE, PT_READ), 0);
	assert_int_equal(rights(PAGE), 0);
	assert_int_equal(view_denied(&view, PAGE), PT_READ);
	assert_int_equal(view_deny(&view, PAGE, PT_EXEC), 0);
	assert_int_equal(rights(PAGE), PT_READ | PT_WRITE);
}

static void a_change_of_the_map_reaches_the_view(void **state)
{
	(void)state;
	assert_int_equal(view_deny(&view, PAGE, PT_WRITE), 0);
	assert_int_equal(nested_set(&f.nested, PAGE, DUMMY, RWX), 0);
	assert_int_equal(nested_set(&f.nested, PAGE + PAGE_BYTES, DUMMY, PT_READ), 0);
	assert_int_equal(nested_set(&f.nested, PAGE + SIZE_1G, DUMMY, PT_READ), 0);
	view_follow(&view);
	assert_int_equal(shown(PAGE), DUMMY);
	assert_int_equal(rights(PAGE), PT_READ | PT_EXEC);
	assert_int_equal(shown(PAGE + PAGE_BYTES), DUMMY);
	assert_int_equal(rights(PAGE + PAGE_BYTES), PT_READ);
	assert_int_equal(shown(PAGE + SIZE_1G), DUMMY);
	assert_int_equal(nested_reset(&f.nested, PAGE), 0);
	assert_int_equal(nested_reset(&f.nested, PAGE + PAGE_BYTES), 0);
	assert_int_equal(nested_reset(&f.nested, PAGE + SIZE_1G), 0);
	view_follow(&view); /* tables were merged: none of them is used any more */
	nested_flushed(&f.nested);
	assert_int_equal(shown(PAGE), PAGE);
	assert_int_equal(rights(PAGE), PT_READ | PT_EXEC);
	assert_int_equal(rights(PAGE + PAGE_BYTES), RWX);
	assert_int_equal(shown(PAGE + SIZE_1G), PAGE + SIZE_1G);
}

static void a_full_pool_changes_nothing(void **state)
{
	uint64_t pages = 0, gpa;

	(void)state;
	for (gpa = PAGE; !view_deny(&view, gpa, PT_WRITE); gpa += SIZE_2M)
		pages++;
	assert_in_range(pages, 20, PAGES);
	assert_int_equal(view_deny(&view, gpa, PT_WRITE), -ENOMEM);
	assert_int_equal(rights(gpa), RWX);
	assert_int_equal(view_denied(&view, gpa), 0);
	for (uint64_t i = 0; i < pages; i++)
		assert_int_equal(rights(PAGE + i * SIZE_2M), PT_READ | PT_EXEC);
}

/* What the ABI counts on for a machine with 1 TiB: few pages, as the map is shared. */
static void a_root_costs_few_pages(void **state)
{
	(void)state;
	assert_int_equal(view.tables, 1);
	assert_int_equal(view_deny(&view, PAGE, PT_WRITE), 0);
	assert_int_equal(view_deny(&view, PAGE + PAGE_BYTES, PT_WRITE), 0);
	assert_int_equal(view.tables, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_view, close_view)
	const struct CMUnitTest tests[] = {
		TEST(a_page_is_denied_and_its_neighbours_are_not),
		TEST(nothing_may_be_written_that_may_not_be_read),
		TEST(a_change_of_the_map_reaches_the_view),
		TEST(a_full_pool_changes_nothing),
		TEST(a_root_costs_few_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
