// SPDX-License-Identifier: MIT
// Sources: vmm/hypercall/hypercall.c vmm/hypercall/ram.c vmm/hypercall/donate.c vmm/paging/ram.c
// Sources: vmm/hypercall/transfer.c vmm/hypercall/map.c
// Sources: vmm/base/page_set.c vmm/hypercall/client.c vmm/hypercall/stop.c vmm/hypercall/window.c vmm/paging/memory.c vmm/paging/machine.c vmm/paging/way_out.c
// Sources: vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c vmm/paging/mtrr.c
// Sources: vmm/paging/guest_walk.c vmm/cpus/lock.c vmm/base/log.c vmm/cpus/pause.c vmm/paging/copy.c
/* Memory that is given to the pool, and taken back, while the machine runs. */
#include "unit.h"
#include "core_fixture.h"

#define KEY    77
#define WINDOW (512 * SIZE_1G)
#define START  0x800000ull
#define END    0xa00000ull
#define PAGES  ((END - START) / PAGE_BYTES)

static uint64_t hidden;

static int reset(void **unused)
{
	(void)unused;
	fixture_start();
	machine.image_physical += HIDDEN_PAGE - memory_hidden_page();
	fixture_check(!pt_init(&machine.host, &pt_format_host, &machine.pool, 4, 3));
	machine.key = KEY;
	events_at_page = 0;
	hidden = memory_hidden_page();
	memset(memory_direct(START), 0x5a, END - START);
	return 0;
}

static int64_t give(uint64_t start, uint64_t end)
{
	return fixture_call(HADAL_CALL_DONATE, start, end, 0, 0, KEY);
}

static int64_t take(uint64_t start, uint64_t end)
{
	return fixture_call(HADAL_CALL_RECLAIM, start, end, 0, 0, KEY);
}

static uint64_t shown_at(uint64_t gpa, uint32_t *rights)
{
	struct nested_page page;

	assert_true(nested_lookup(&machine.nested, gpa, &page));
	*rights = page.rights;
	return page.hpa;
}

/* What the guest sees of the pages, there and in the window if that is open. */
static void expect_shown(bool own)
{
	for (uint64_t at = START; at < END; at += PAGE_BYTES) {
		uint32_t rights;

		assert_int_equal(memory_is_own(at), own);
		assert_int_equal(shown_at(at, &rights), own ? hidden : at);
		assert_int_equal(rights, own ? PT_READ : PT_RIGHTS);
		if (machine.nested.window) {
			assert_int_equal(shown_at(WINDOW + at, &rights), own ? hidden : at);
			assert_int_equal(rights, PT_READ);
		}
	}
}

static void what_is_given_is_hidden_and_used(void **unused)
{
	size_t before = machine.pool.free_pages, all = machine.pool_pages;
	uint64_t *page;

	(void)unused;
	assert_int_equal(give(START, END), 0);
	assert_true(vcpu->stats.flushes > 0);
	expect_shown(true);
	assert_int_equal(machine.pool_pages, all + PAGES);
	assert_true(machine.pool.free_pages >= before + PAGES - 2);
	page = pt_pool_alloc(&machine.pool);
	assert_true(memory_is_own(pt_pool_physical(&machine.pool, page)));
	assert_int_equal(take(START, END), -EBUSY);
	expect_shown(true);
	pt_pool_free(&machine.pool, page);
	assert_int_equal(take(START, END), 0);
	expect_shown(false);
	/* Nothing of the pool's is left in it. */
	for (uint64_t i = 0; i < END - START; i++)
		assert_int_equal(((uint8_t *)memory_direct(START))[i], 0);
	assert_int_equal(machine.pool_pages, all);
	assert_int_equal(machine.pool.free_pages, before);
	assert_int_equal(take(START, END), -EBUSY);
}

static void the_window_shows_none_of_it(void **unused)
{
	(void)unused;
	assert_int_equal(fixture_call(HADAL_CALL_WINDOW, WINDOW, 0, 0, 0, 0), 0);
	assert_int_equal(give(START, END), 0);
	expect_shown(true);
	assert_int_equal(take(START, END), 0);
	expect_shown(false);
	assert_int_equal(give(START, END), 0);
	assert_int_equal(fixture_call(HADAL_CALL_WINDOW, 0, 0, 0, 0, 0), 0);
	assert_int_equal(fixture_call(HADAL_CALL_WINDOW, WINDOW, 0, 0, 0, 0), 0);
	expect_shown(true);
}

/* An empty pool can be filled again: its reserve hides what comes. */
static void an_empty_pool_is_filled(void **unused)
{
	(void)unused;
	while (pt_pool_alloc(&machine.pool))
		;
	assert_int_equal(fixture_call(HADAL_CALL_MAP, START, RAM_START, 0, 0, 0), -ENOMEM);
	assert_int_equal(give(START, END), 0);
	expect_shown(true);
	assert_true(pt_pool_available(&machine.pool) >= PAGES - 4);
	assert_int_equal(fixture_call(HADAL_CALL_MAP, END, RAM_START, 0, 0, 0), 0);
}

static void refuse(uint64_t start, uint64_t end, int error)
{
	size_t before = machine.pool.free_pages;

	assert_int_equal(give(start, end), error);
	assert_int_equal(machine.pool.free_pages, before);
	expect_shown(false);
}

static void what_is_not_free_is_refused(void **unused)
{
	(void)unused;
	refuse(START + 1, END, -EINVAL);
	refuse(END, START, -EINVAL);
	refuse(START, START, -EINVAL);
	refuse(START, START + (8ull << 20), -EINVAL);
	refuse(OWN_START - PAGE_BYTES, OWN_START + PAGE_BYTES, -EACCES);
	refuse(RAM_END - PAGE_BYTES, RAM_END + PAGE_BYTES, -ENXIO);
	refuse(1ull << 50, (1ull << 50) + PAGE_BYTES, -ENXIO);
	events_at_page = END - PAGE_BYTES;
	refuse(START, END, -EBUSY);
	events_at_page = 0;
	assert_int_equal(fixture_call(HADAL_CALL_MAP, END + PAGE_BYTES, RAM_START, 0, 0, 0), 0);
	refuse(END, END + 2 * PAGE_BYTES, -EBUSY);
	assert_int_equal(fixture_call(HADAL_CALL_UNMAP, END + PAGE_BYTES, 0, 0, 0, 0), 0);
	/* What was never given is not taken. */
	assert_int_equal(take(START, END), -EBUSY);
	assert_int_equal(take(OWN_START, OWN_END), -EBUSY);
}

static void where_an_apic_lies_nothing_is_given(void **unused)
{
	uint64_t at = LAYOUT_PERCPU_BASE + PERCPU_APIC;

	(void)unused;
	assert_int_equal(pt_set_page(&machine.host, at, END - PAGE_BYTES, PT_READ | PT_WRITE), 0);
	refuse(START, END, -EBUSY);
	assert_int_equal(pt_set_page(&machine.host, at, END, PT_READ | PT_WRITE), 0);
	assert_int_equal(give(START, END), 0);
}

static void only_the_loader_gives(void **unused)
{
	(void)unused;
	vcpu->regs.rax = HADAL_CALL_BASE + HADAL_CALL_DONATE;
	vcpu->regs.rdi = START;
	vcpu->regs.rsi = END;
	vcpu->regs.r9 = KEY + 1;
	assert_false(fixture_execute());
	vcpu->regs.rax = HADAL_CALL_BASE + HADAL_CALL_RECLAIM + 1;
	vcpu->regs.r9 = KEY;
	assert_false(fixture_execute());
	expect_shown(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_given_is_hidden_and_used, reset),
		cmocka_unit_test_setup(the_window_shows_none_of_it, reset),
		cmocka_unit_test_setup(an_empty_pool_is_filled, reset),
		cmocka_unit_test_setup(what_is_not_free_is_refused, reset),
		cmocka_unit_test_setup(where_an_apic_lies_nothing_is_given, reset),
		cmocka_unit_test_setup(only_the_loader_gives, reset),
	};

	fixture_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
