// SPDX-License-Identifier: MIT
// Sources: vmm/paging/view.c vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
// Sources: vmm/paging/mtrr.c vmm/paging/copy.c
/* Views: what is denied, what else is as the map has it, and that they follow its changes. */
#include <string.h>

#include "nested_fixture.h"
#include "paging/view.h"

#define PAGE  0x52345000ull
#define PAGES 64

static struct fixture f;
static struct view view;
static struct copies copies;

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
	assert_int_equal(view_open(&view, VIEW_ONE, &f.nested, &copies), 0);
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
	assert_int_equal(view_set(&view, PAGE, PT_WRITE, false), 0);
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
	assert_int_equal(view_set(&view, PAGE, 0, false), 0);
	assert_int_equal(rights(PAGE), RWX);
}

static void nothing_may_be_written_that_may_not_be_read(void **state)
{
	(void)state;
	assert_int_equal(view_set(&view, PAGE, PT_READ, false), 0);
	assert_int_equal(rights(PAGE), 0);
	assert_int_equal(view_denied(&view, PAGE), PT_READ);
	assert_int_equal(view_set(&view, PAGE, PT_EXEC, false), 0);
	assert_int_equal(rights(PAGE), PT_READ | PT_WRITE);
}

static void a_change_of_the_map_reaches_the_view(void **state)
{
	(void)state;
	assert_int_equal(view_set(&view, PAGE, PT_WRITE, false), 0);
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
	for (gpa = PAGE; !view_set(&view, gpa, PT_WRITE, false); gpa += SIZE_2M)
		pages++;
	assert_in_range(pages, 20, PAGES);
	assert_int_equal(view_set(&view, gpa, PT_WRITE, false), -ENOMEM);
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
	assert_int_equal(view_set(&view, PAGE, PT_WRITE, false), 0);
	assert_int_equal(view_set(&view, PAGE + PAGE_BYTES, PT_WRITE, false), 0);
	assert_int_equal(view.tables, 4);
}

/* A page with a copy, as each kind of view has it. */
static struct page_copy *take_copy(const void *from)
{
	assert_int_equal(copy_take(&copies, f.nested.pt.pool, PAGE, PAGE, from), 0);
	return copy_find(&copies, PAGE + 17);
}

static void give_copy(void)
{
	struct page_copy *copy = copy_give(&copies, PAGE);

	assert_non_null(copy);
	assert_null(copy_find(&copies, PAGE));
	copy_free(f.nested.pt.pool, copy);
}

static uint64_t content[PAGE_BYTES / 8];

static void fetches_see_the_copy(void **state)
{
	const struct page_copy *copy = take_copy(content);
	uint64_t at = pt_pool_physical(f.nested.pt.pool, copy->bytes);

	(void)state;
	assert_int_equal(view_set(&view, PAGE, 0, true), 0);
	assert_true(view_has_copy(&view, PAGE));
	assert_int_equal(shown(PAGE), at);
	assert_int_equal(walked(PAGE, &(unsigned){0}) & 7, 4); /* EPT: fetches alone */
	assert_int_equal(rights(PAGE + PAGE_BYTES), RWX);
	assert_int_equal(view_set(&view, PAGE, PT_EXEC, true), 0);
	assert_int_equal(walked(PAGE, &(unsigned){0}) & 7, 0);
	/* The map shows another page: that one counts, until it does no more. */
	assert_int_equal(view_set(&view, PAGE, 0, true), 0);
	assert_int_equal(nested_set(&f.nested, PAGE, DUMMY, RWX), 0);
	view_follow(&view);
	assert_int_equal(shown(PAGE), DUMMY);
	assert_int_equal(rights(PAGE), RWX);
	assert_int_equal(nested_reset(&f.nested, PAGE), 0);
	view_follow(&view);
	nested_flushed(&f.nested);
	assert_int_equal(shown(PAGE), at);
	give_copy();
	assert_int_equal(view_set(&view, PAGE, 0, false), 0);
	assert_int_equal(shown(PAGE), PAGE);
	assert_int_equal(rights(PAGE), RWX);
}

static void other_kinds_of_views_have_the_copy_their_way(void **state)
{
	const struct page_copy *copy = take_copy(content);
	uint64_t at = pt_pool_physical(f.nested.pt.pool, copy->bytes);
	static const struct {
		enum view_kind kind;
		bool is_copy;
		uint32_t rights, rights_beside;
	} kinds[] = {
		{VIEW_DATA, false, PT_READ, RWX},
		{VIEW_CODE, true, PT_READ | PT_EXEC, PT_READ | PT_WRITE},
		{VIEW_OPEN, false, PT_READ | PT_EXEC, RWX},
	};

	(void)state;
	assert_int_equal(view_set(&view, PAGE + 3 * PAGE_BYTES, PT_WRITE, false), 0);
	assert_int_equal(view_set(&view, PAGE, 0, true), 0);
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		struct view first = view;

		assert_int_equal(view_open(&view, kinds[i].kind, &f.nested, &copies), 0);
		assert_int_equal(view_set_like(&view, &first), 0);
		assert_int_equal(shown(PAGE), kinds[i].is_copy ? at : PAGE);
		assert_int_equal(rights(PAGE), kinds[i].rights);
		assert_int_equal(rights(PAGE + PAGE_BYTES), kinds[i].rights_beside);
		assert_int_equal(rights(PAGE + SIZE_1G), kinds[i].rights_beside);
		assert_int_equal(rights(PAGE + 3 * PAGE_BYTES), kinds[i].rights_beside & ~PT_WRITE);
		assert_int_equal(view_denied(&view, PAGE + 3 * PAGE_BYTES), PT_WRITE);
		view_close(&view);
		view = first;
	}
	give_copy();
}

static void a_copy_is_the_page_but_for_int3(void **state)
{
	struct page_copy *copy;
	const uint8_t *bytes;

	(void)state;
	memset(content, 0x90, sizeof(content));
	copy = take_copy(content);
	bytes = (const uint8_t *)copy->bytes;
	copy_set_int3(copy, 0, true);
	copy_set_int3(copy, 4095, true);
	assert_int_equal(bytes[0], 0xcc);
	assert_int_equal(bytes[1], 0x90);
	assert_int_equal(bytes[4095], 0xcc);
	((uint8_t *)content)[0] = 0x11;
	((uint8_t *)content)[1] = 0x12;
	((uint8_t *)content)[4094] = 0x13;
	copy_refresh(copy);
	assert_int_equal(bytes[0], 0xcc);
	assert_int_equal(bytes[1], 0x12);
	assert_int_equal(bytes[4094], 0x13);
	assert_int_equal(bytes[4095], 0xcc);
	copy_set_int3(copy, 0, false);
	assert_int_equal(bytes[0], 0x11);
	copy_set_int3(copy, 4095, false);
	assert_memory_equal(bytes, content, sizeof(content));
	give_copy();
}

/* Users of one page share its copy; there is a limit of pages, and of the pool. */
static void copies_have_users_and_a_limit(void **state)
{
	struct pt_pool *pool = f.nested.pt.pool;
	unsigned taken = 1;

	(void)state;
	take_copy(content);
	assert_ptr_equal(take_copy(content), copy_find(&copies, PAGE));
	assert_null(copy_give(&copies, PAGE));
	while (!copy_take(&copies, pool, PAGE + taken * PAGE_BYTES, DUMMY, content))
		taken++;
	assert_int_equal(taken, pool->free_pages > pool->reserve + 1 ? COPIES_MAX : copies.count);
	while (--taken) {
		struct page_copy *copy = copy_give(&copies, PAGE + taken * PAGE_BYTES);

		assert_non_null(copy);
		copy_free(pool, copy);
	}
	assert_int_equal(copies.count, 1);
	give_copy();
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
		TEST(fetches_see_the_copy),
		TEST(other_kinds_of_views_have_the_copy_their_way),
		TEST(a_copy_is_the_page_but_for_int3),
		TEST(copies_have_users_and_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
