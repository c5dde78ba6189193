// SPDX-License-Identifier: MIT
// Sources: vmm/cpus/lock.c
/* Locks, and what becomes of those that a vCPU holds or waits for when it has a fault. */
#include <setjmp.h>
#include <string.h>
#include "unit.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "cpus/request.h"

static LOCK(whole, .what = "a scratch", .always_whole = true);
static LOCK(table, .what = "a table");

static union {
	struct {
		uint8_t before[PERCPU_VCPU];
		struct vcpu vcpu;
	};
	uint8_t all[1 << PERCPU_SHIFT];
} area[2];
static unsigned lines, serves;
static struct lock *served; /* what somebody gives while this vCPU waits */
static jmp_buf given_up;

void log_line(const char *format, ...)
{
	(void)format;
	lines++;
}

struct vcpu *this_vcpu(void)
{
	return &area[0].vcpu;
}

void vcpu_serve_requests(struct vcpu *vcpu)
{
	assert_ptr_equal(vcpu, this_vcpu());
	serves++;
	lock_give(served);
}

void lock_is_broken(struct vcpu *vcpu, const struct lock *lock)
{
	assert_ptr_equal(vcpu, this_vcpu());
	assert_ptr_equal(lock, &table);
	longjmp(given_up, 1);
}

/* As if the stack lay in the vCPU's own memory. */
static void take_on(struct lock *lock, unsigned cpu)
{
	lock_take(lock);
	lock->holder = (uint64_t)area[cpu].before + 0x800;
}

static int reset(void **unused)
{
	(void)unused;
	memset(area, 0, sizeof(area));
	whole.next = whole.serving = table.next = table.serving = 0;
	table.broken = false;
	lines = serves = 0;
	return 0;
}

static void what_is_always_whole_is_given_back(void **unused)
{
	(void)unused;
	take_on(&whole, 0);
	assert_false(lock_give_all(&area[0].vcpu));
	assert_false(lock_is_held(&whole));
	assert_false(lock_any_broken());
	assert_int_equal(lines, 0);
}

static void anything_else_is_broken(void **unused)
{
	(void)unused;
	take_on(&whole, 0);
	take_on(&table, 0);
	assert_true(lock_give_all(&area[0].vcpu));
	assert_true(lock_any_broken());
	assert_false(lock_is_held(&whole));
	assert_int_equal(lines, 1);
	if (!setjmp(given_up)) {
		lock_take(&table);
		fail();
	}
	assert_null(area[0].vcpu.awaited);
	/* Giving up what waits for it breaks nothing more, and ends. */
	assert_false(lock_give_all(&area[1].vcpu));
}

static void locks_of_others_stay(void **unused)
{
	(void)unused;
	take_on(&table, 1);
	take_on(&whole, 1);
	assert_false(lock_give_all(&area[0].vcpu));
	assert_true(lock_is_held(&table) && lock_is_held(&whole));
	lock_give(&table);
	lock_give(&whole);
}

/* A fault while it waits: its turn comes and passes, so that those behind it get theirs. */
static void a_place_in_the_queue_is_given_up(void **unused)
{
	(void)unused;
	take_on(&table, 1);
	area[0].vcpu.awaited = &table;
	area[0].vcpu.ticket = table.next++;
	table.next++; /* somebody else waits behind it */
	served = &table;
	assert_false(lock_give_all(&area[0].vcpu));
	assert_int_equal(serves, 1);
	assert_null(area[0].vcpu.awaited);
	assert_int_equal(table.serving, 2);
	assert_false(lock_any_broken());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_always_whole_is_given_back, reset),
		cmocka_unit_test_setup(anything_else_is_broken, reset),
		cmocka_unit_test_setup(locks_of_others_stay, reset),
		cmocka_unit_test_setup(a_place_in_the_queue_is_given_up, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
