// SPDX-License-Identifier: MIT
/*
 * Faults inside the image, each kind on each CPU: the instruction that led to it raises #GP, the
 * fault is counted and logged, and Hadal goes on. Wants an image with tests/guest/ext/fault.
 */
#include <sched.h>

#include "ext/fault/fault.h"
#include "hadal.h"
#include "support/check.h"
#include "support/ring0.h"

static struct hadal *hadal;

static uint64_t faults_of(unsigned cpu)
{
	struct hadal_error error;
	struct hadal_stats stats;

	CHECK(!hadal_stats(hadal, cpu, &stats, &error));
	return stats.faults;
}

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

static bool call(uint64_t number, uint64_t argument, int64_t *result)
{
	struct hadal_test_registers registers = {.rax = HADAL_CALL_BASE + number, .rdi = argument};
	bool answered = ring0_execute(&registers);

	*result = registers.rax;
	return answered;
}

static void fault_on(int cpu)
{
	int64_t result;

	go_to(cpu);
	for (int kind = 0; kind < FAULT_KIND_COUNT; kind++) {
		uint64_t before = faults_of(cpu);

		CHECK(!call(FAULT_CALL, kind, &result));
		EQUAL(faults_of(cpu), before + 1);
		CHECK(call(HADAL_CALL_QUERY, HADAL_ABI_VERSION, &result));
		EQUAL(result, 0);
	}
}

int main(void)
{
	struct hadal_error error;
	struct arena arena;

	ring0_open(&arena);
	CHECK(!hadal_open(&hadal, &error));
	for (int cpu = 0; cpu < 2; cpu++)
		fault_on(cpu);
	return 0;
}
