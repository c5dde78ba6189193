// SPDX-License-Identifier: MIT
// Sources: vmm/exit/msr_requests.c vmm/cpus/lock.c
// Libraries: -lpthread
/* Who wants which MSR to exit: counts, a full table, and several CPUs that ask at once. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "unit.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "cpus/request.h"
#include "extension/extension.h"
#include "vcpu/vendor.h"

#define MSRS    256
#define THREADS 2
#define ROUNDS  40000

static bool read_exits[MSRS * 2], write_exits[MSRS * 2];

static void fake_intercept_msr(uint32_t msr, bool read, bool write)
{
	read_exits[msr] = read;
	write_exits[msr] = write;
}

static const struct vendor fake_vendor = {.intercept_msr = fake_intercept_msr};
const struct vendor *vendor = &fake_vendor;

struct vcpu *this_vcpu(void)
{
	static __thread struct vcpu vcpu;

	return &vcpu;
}

void lock_is_broken(struct vcpu *v, const struct lock *lock)
{
	(void)v;
	(void)lock;
	abort();
}

void log_line(const char *format, ...)
{
	(void)format;
}

void vcpu_serve_requests(struct vcpu *vcpu)
{
	(void)vcpu;
	sched_yield();
}

static void requests_are_counted(void **state)
{
	(void)state;
	assert_int_equal(msr_intercept(7, MSR_READ), 0);
	assert_int_equal(msr_intercept(7, MSR_READ | MSR_WRITE), 0);
	msr_release(7, MSR_READ);
	assert_true(read_exits[7] && write_exits[7]);
	msr_release(7, MSR_READ);
	assert_true(!read_exits[7] && write_exits[7]);
	msr_release(7, MSR_WRITE);
	assert_true(!read_exits[7] && !write_exits[7]);
	msr_release(7, MSR_READ | MSR_WRITE); /* once too often: nothing happens */
	assert_int_equal(msr_intercept(7, MSR_WRITE), 0);
	assert_true(!read_exits[7] && write_exits[7]);
	msr_release(7, MSR_WRITE);
}

/* The table takes as many as it has places, no more: so none is lost and none stays behind. */
static void fill_and_empty(void)
{
	for (uint32_t msr = 0; msr < MSRS; msr++)
		assert_int_equal(msr_intercept(msr, MSR_WRITE), 0);
	assert_int_equal(msr_intercept(MSRS, MSR_WRITE), -ENOSPC);
	assert_false(write_exits[MSRS]);
	for (uint32_t msr = 0; msr < MSRS; msr++)
		msr_release(msr, MSR_WRITE);
	for (uint32_t msr = 0; msr < MSRS; msr++)
		assert_false(read_exits[msr] || write_exits[msr]);
}

static void a_full_table_is_refused(void **state)
{
	(void)state;
	fill_and_empty();
}

/* Some MSRs are the thread's own, one is everybody's. */
static void *ask_and_release(void *own)
{
	uint32_t first = (uint32_t)(uintptr_t)own;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t msr = first + i % 8;

		if (msr_intercept(msr, MSR_READ) || msr_intercept(0, MSR_WRITE))
			return own;
		if (!read_exits[msr] || !write_exits[0])
			return own;
		msr_release(0, MSR_WRITE);
		msr_release(msr, MSR_READ);
	}
	return NULL;
}

static void cpus_that_ask_at_once_lose_nothing(void **state)
{
	pthread_t thread[THREADS];
	void *failed;

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, ask_and_release, (void *)(8 + i * 8)), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	fill_and_empty();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_counted),
		cmocka_unit_test(a_full_table_is_refused),
		cmocka_unit_test(cpus_that_ask_at_once_lose_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
