// SPDX-License-Identifier: MIT
// Sources: vmm/hypercall/hypercall.c vmm/hypercall/ram.c vmm/hypercall/donate.c vmm/paging/ram.c
// Sources: vmm/hypercall/transfer.c vmm/hypercall/map.c
// Sources: vmm/base/page_set.c vmm/hypercall/client.c vmm/hypercall/stop.c vmm/hypercall/window.c vmm/paging/memory.c vmm/paging/machine.c vmm/paging/way_out.c
// Sources: vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c vmm/paging/mtrr.c
// Sources: vmm/paging/guest_walk.c vmm/cpus/lock.c vmm/base/log.c vmm/cpus/pause.c vmm/paging/copy.c
/* The memory window as a hypercall opens and closes it. */
#include "unit.h"
#include "core_fixture.h"
#include "hypercall/window.h"

#define WINDOW    (512 * SIZE_1G)
#define HOLE      (WINDOW + LOW_RAM_END)
#define PAGES_MAX 256

static uint64_t pool_free;

static int reset(void **unused)
{
	(void)unused;
	fixture_start();
	/* The image's page of zeros is the one that hides its pages. */
	machine.image_physical += HIDDEN_PAGE - memory_hidden_page();
	pool_free = machine.pool.free_pages;
	return 0;
}

static int64_t window(uint64_t base)
{
	uint64_t flushes = vcpu->stats.flushes;
	int64_t result = fixture_call(HADAL_CALL_WINDOW, base, 0, 0, 0, 0);

	assert_false(lock_is_held(&nested_lock));
	/* What showed there is in no TLB any more. */
	if (!result)
		assert_true(vcpu->stats.flushes > flushes);
	return result;
}

static struct nested_page look(uint64_t gpa)
{
	struct nested_page page;

	assert_true(nested_lookup(&machine.nested, gpa, &page));
	return page;
}

static void it_shows_all_ram_and_nothing_of_the_hypervisor(void **unused)
{
	(void)unused;
	assert_int_equal(window(WINDOW), 0);
	assert_true(window_is_open());
	for (uint64_t at = 0; at < RAM_END + PAGE_BYTES; at += PAGE_BYTES) {
		if (!memory_is_ram(at)) {
			assert_int_equal(look(WINDOW + at).level, 0);
			continue;
		}
		assert_int_equal(look(WINDOW + at).hpa, memory_is_own(at) ? HIDDEN_PAGE : at);
		assert_int_equal(look(WINDOW + at).rights, PT_READ);
	}
	assert_int_equal(window(0), 0);
	assert_false(window_is_open());
	assert_int_equal(machine.pool.free_pages, pool_free);
}

static void what_was_there_before_goes(void **unused)
{
	(void)unused;
	assert_int_equal(nested_fault_in(&machine.nested, HOLE), 0);
	assert_int_equal(look(HOLE).hpa, HOLE);
	assert_int_equal(window(WINDOW), 0);
	assert_int_equal(look(HOLE).level, 0);
	assert_int_equal(look(WINDOW + RAM_START).hpa, RAM_START);
	assert_int_equal(window(0), 0);
	assert_int_equal(nested_fault_in(&machine.nested, HOLE), 0);
}

static void it_is_opened_and_closed_once(void **unused)
{
	(void)unused;
	assert_int_equal(window(0), -ENOENT);
	assert_int_equal(window(WINDOW + SIZE_2M), -EINVAL);
	assert_false(window_is_open());
	assert_int_equal(window(WINDOW), 0);
	assert_int_equal(window(WINDOW), -EEXIST);
	assert_int_equal(window(WINDOW + SIZE_1G), -EEXIST);
	assert_int_equal(look(WINDOW + RAM_START).hpa, RAM_START);
	assert_int_equal(window(0), 0);
	assert_int_equal(window(0), -ENOENT);
}

/* Whatever it lacks, it leaves nothing behind, and can be opened when there is more. */
static void without_memory_it_stays_closed(void **unused)
{
	uint64_t *taken[PAGES_MAX];
	size_t count = 0;
	(void)unused;

	while (count < PAGES_MAX && (taken[count] = pt_pool_alloc(&machine.pool)))
		count++;
	for (;;) {
		uint64_t left = machine.pool.free_pages;
		int64_t result = window(WINDOW);

		if (!result)
			break;
		assert_int_equal(result, -ENOMEM);
		assert_false(window_is_open());
		assert_int_equal(machine.pool.free_pages, left);
		assert_true(count > 0);
		pt_pool_free(&machine.pool, taken[--count]);
	}
	assert_true(count + 3 < pool_free);
	assert_int_equal(window(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_shows_all_ram_and_nothing_of_the_hypervisor, reset),
		cmocka_unit_test_setup(what_was_there_before_goes, reset),
		cmocka_unit_test_setup(it_is_opened_and_closed_once, reset),
		cmocka_unit_test_setup(without_memory_it_stays_closed, reset),
	};

	fixture_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
