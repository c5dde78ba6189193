// SPDX-License-Identifier: MIT
// Sources: vmm/paging/view.c vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
// Sources: vmm/paging/mtrr.c vmm/paging/copy.c
/* Views of owners: pages that show others, and what the watched view below denies. */
#include <string.h>

#include "nested_fixture.h"
#include "paging/view.h"

#define PAGE  0x52345000ull
#define OTHER 0x61111000ull

static struct fixture f;
static struct view view, under;
static struct copies copies;

static uint64_t leaf(uint64_t gpa)
{
	struct pagetable pt = f.nested.pt;
	uint64_t entry;
	unsigned level;

	pt.root = view.root;
	pt_lookup(&pt, gpa, &entry, &level);
	return entry;
}

/* Of EPT, also for fetches alone. */
static uint32_t rights(uint64_t gpa)
{
	return leaf(gpa) & 7;
}

static int open_both(void **state)
{
	(void)state;
	start(&f);
	assert_int_equal(view_open(&under, VIEW_ONE, &f.nested, &copies), 0);
	assert_int_equal(view_set(&under, PAGE + PAGE_BYTES, PT_WRITE, false), 0);
	assert_int_equal(view_open_owned(&view, &f.nested, &under, true), 0);
	assert_int_equal(view_look_under_all(&view), 0);
	return 0;
}

/* Whatever was done, all pages come back. */
static int close_both(void **state)
{
	(void)state;
	view_close(&view);
	if (under.root)
		view_close(&under);
	finish(&f);
	return 0;
}

static void fetches_alone_are_a_right(void **state)
{
	(void)state;
	assert_int_equal(view_set(&view, PAGE, PT_READ | PT_WRITE, false), 0);
	assert_int_equal(rights(PAGE), PT_EXEC);
	assert_int_equal(view_set(&view, PAGE, PT_READ, false), 0); /* nor writes alone */
	assert_int_equal(rights(PAGE), PT_EXEC);
	view.fetch_only = false;
	assert_int_equal(view_set(&view, PAGE, PT_READ, false), 0);
	assert_int_equal(rights(PAGE), 0);
	assert_int_equal(view_hpa(&view, PAGE + 5), PAGE + 5);
}

static void a_page_shows_another_with_its_rights(void **state)
{
	(void)state;
	assert_int_equal(view_show(&view, PAGE, OTHER), 0);
	assert_int_equal(view_hpa(&view, PAGE + 5), OTHER + 5);
	assert_int_equal(view_hpa(&view, PAGE + PAGE_BYTES), PAGE + PAGE_BYTES);
	assert_int_equal(view_hpa(&view, OTHER), OTHER);
	assert_int_equal(rights(PAGE), RWX);
	assert_false(view_shown_lacks(&view, PAGE, RWX));
	/* What the map has at the other one is what counts, and the view's rights remain. */
	assert_int_equal(nested_set(&f.nested, OTHER, DUMMY, PT_READ | PT_EXEC), 0);
	view_follow(&view);
	assert_int_equal(view_hpa(&view, PAGE), DUMMY);
	assert_int_equal(rights(PAGE), PT_READ | PT_EXEC);
	assert_true(view_shown_lacks(&view, PAGE, PT_WRITE));
	assert_false(view_shown_lacks(&view, PAGE, PT_READ));
	assert_false(view_shown_lacks(&view, OTHER, PT_WRITE)); /* the map's own matter */
	assert_int_equal(view_set(&view, PAGE, PT_EXEC, false), 0);
	assert_int_equal(view_hpa(&view, PAGE), DUMMY);
	assert_int_equal(rights(PAGE), PT_READ);
	assert_int_equal(view_denied(&view, PAGE), PT_EXEC);
	assert_int_equal(nested_reset(&f.nested, OTHER), 0);
	view_follow(&view);
	nested_flushed(&f.nested);
	assert_int_equal(view_hpa(&view, PAGE), OTHER);
	assert_int_equal(view_show(&view, PAGE, PAGE), 0);
	assert_int_equal(view_hpa(&view, PAGE), PAGE);
	assert_int_equal(rights(PAGE), PT_READ | PT_WRITE);
}

static void many_pages_show_others(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < VIEW_PAGES_MAX; i++) { /* in no order */
		uint64_t gpa = PAGE + i * 37 % VIEW_PAGES_MAX * PAGE_BYTES;

		assert_int_equal(view_show(&view, gpa, OTHER + i * PAGE_BYTES), 0);
	}
	assert_int_equal(view_show(&view, OTHER, PAGE), -ENOSPC);
	assert_int_equal(view_show(&view, PAGE, OTHER), 0); /* it has a place */
	view_follow(&view);
	for (uint64_t i = 0; i < VIEW_PAGES_MAX; i++)
		assert_int_equal(view_hpa(&view, PAGE + i * 37 % VIEW_PAGES_MAX * PAGE_BYTES),
				 OTHER + i * PAGE_BYTES);
	for (uint64_t i = 0; i < VIEW_PAGES_MAX; i += 2)
		assert_int_equal(view_show(&view, PAGE + i * PAGE_BYTES, PAGE + i * PAGE_BYTES), 0);
	view_follow(&view);
	for (uint64_t i = 0; i < VIEW_PAGES_MAX; i++) {
		uint64_t gpa = PAGE + i * PAGE_BYTES;

		assert_int_equal(view_hpa(&view, gpa) == gpa, i % 2 == 0);
	}
	assert_int_equal(view_show(&view, OTHER, PAGE), 0);
}

/* What the view below denies is denied too, whichever came first, and back again. */
static void what_is_below_counts_too(void **state)
{
	(void)state;
	assert_int_equal(rights(PAGE + PAGE_BYTES), PT_READ | PT_EXEC);
	assert_int_equal(view_denied(&view, PAGE + PAGE_BYTES), 0);
	assert_int_equal(view_set(&view, PAGE + PAGE_BYTES, PT_EXEC, false), 0);
	assert_int_equal(rights(PAGE + PAGE_BYTES), PT_READ);
	assert_int_equal(view_set(&under, PAGE + PAGE_BYTES, 0, false), 0);
	assert_int_equal(view_look_under(&view, PAGE + PAGE_BYTES, false), 0);
	assert_int_equal(rights(PAGE + PAGE_BYTES), PT_READ | PT_WRITE);
	assert_int_equal(view_show(&view, PAGE, OTHER), 0);
	assert_int_equal(view_set(&under, PAGE, PT_WRITE, false), 0);
	assert_int_equal(view_look_under(&view, PAGE, true), 0);
	assert_int_equal(rights(PAGE), PT_READ | PT_EXEC);
	assert_int_equal(view_hpa(&view, PAGE), OTHER);
	view_close(&under);
	view_follow(&view);
	assert_int_equal(rights(PAGE), RWX);
}

static void a_full_pool_changes_nothing(void **state)
{
	uint64_t gpa;

	(void)state;
	for (gpa = PAGE; !view_show(&view, gpa, OTHER); gpa += SIZE_2M)
		;
	assert_int_equal(view_show(&view, gpa, OTHER), -ENOMEM);
	assert_int_equal(view_prepare(&view, gpa), -ENOMEM);
	assert_int_equal(view_hpa(&view, gpa), gpa);
	assert_int_equal(rights(gpa), RWX);
	for (gpa -= SIZE_2M; gpa >= PAGE; gpa -= SIZE_2M)
		assert_int_equal(view_hpa(&view, gpa), OTHER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_both, close_both)
	const struct CMUnitTest tests[] = {
		TEST(fetches_alone_are_a_right),   TEST(a_page_shows_another_with_its_rights),
		TEST(many_pages_show_others),      TEST(what_is_below_counts_too),
		TEST(a_full_pool_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
