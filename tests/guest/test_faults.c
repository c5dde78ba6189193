// SPDX-License-Identifier: MIT
/*
 * test_faults [each-kind | count-locks [1] | under-lock N | on-stack | at-entry | while-serving |
 *		plant WHAT]
 *
 * Faults inside the image. Each kind on each CPU: the instruction that led to it raises #GP, the
 * fault is counted and logged, and Hadal goes on. The same under a lock, on a stack that is none
 * and in the middle of what another CPU waits for; others are planted for later, by their number in
 * enum fault_plant. Wants an image with tests/guest/ext/fault.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ext/fault/fault.h"
#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

static struct hadal *hadal;
static struct arena arena;

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

static void answers_everywhere(void)
{
	struct hadal_error error;
	struct hadal_regs regs;

	for (int cpu = 0; cpu < 2; cpu++)
		CHECK(!hadal_regs(hadal, cpu, &regs, &error));
}

static void each_kind(void)
{
	for (int cpu = 0; cpu < 2; cpu++)
		fault_on(cpu);
}

static int64_t plant(uint64_t what, uint64_t argument)
{
	struct hadal_test_registers registers = {
		.rax = HADAL_CALL_BASE + FAULT_PLANT_CALL, .rdi = what, .rsi = argument};

	CHECK(ring0_execute(&registers));
	return registers.rax;
}

/* A fault with a lock taken: nobody waits for it, and the one who faulted gets a #GP. */
static void under_lock(uint64_t lock)
{
	struct hadal_test_registers registers = {
		.rax = HADAL_CALL_BASE + FAULT_PLANT_CALL, .rdi = FAULT_UNDER_LOCK, .rsi = lock};
	uint64_t before;

	go_to(1);
	before = faults_of(1);
	CHECK(!ring0_execute(&registers));
	EQUAL(faults_of(1), before + 1);
	answers_everywhere();
}

/* An interrupt in the image while its stack is none. */
static void on_a_stack_of_its_own(void)
{
	for (int cpu = 0; cpu < 2; cpu++) {
		struct hadal_error error;
		struct hadal_stats before, after;

		go_to(cpu);
		CHECK(!hadal_stats(hadal, cpu, &before, &error));
		EQUAL(plant(FAULT_ON_STACK, 2), 0);
		EQUAL(plant(FAULT_ON_STACK, 18), 0);
		CHECK(!hadal_stats(hadal, cpu, &after, &error));
		EQUAL(after.faults, before.faults);
		EQUAL(after.machine_checks, before.machine_checks + 1);
		CHECK(after.kicks > before.kicks);
	}
	answers_everywhere();
}

/* The registers that the guest goes on with are its own, not the image's. */
static void at_the_entry(void)
{
	struct hadal_test_registers before = {.rax = HADAL_CALL_BASE + FAULT_PLANT_CALL,
					      .rdi = FAULT_AT_ENTRY},
				    after;
	uint64_t faults = faults_of(1);

	before.rbx = before.rcx = before.rdx = before.rsi = before.r8 = before.r9 = 0x1111;
	before.r10 = before.r11 = before.r12 = before.r13 = before.r14 = before.r15 = 0x2222;
	before.rbp = 0x3333;
	after = before;
	go_to(1);
	if (ring0_execute(&after)) {
		EQUAL((int64_t)after.rax, -EOPNOTSUPP);
		return;
	}
	EQUAL(faults_of(1), faults + 1);
	CHECK(!memcmp(&after, &before, sizeof(after)));
	answers_everywhere();
}

/* The other CPU has one while it flushes because this one maps a page. */
static void while_it_serves(void)
{
	struct hadal_error error;
	uint64_t before = faults_of(1);

	go_to(0);
	EQUAL(plant(FAULT_IN_FLUSH, 1), 0);
	for (int i = 0; i < 100 && faults_of(1) == before; i++) {
		void *page;

		CHECK(!hadal_map_page(hadal, arena.physical, 0, &page, &error));
		CHECK(!hadal_unmap_page(hadal, page, &error));
	}
	EQUAL(faults_of(1), before + 1);
	answers_everywhere();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "each-kind";
	uint64_t argument = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	ring0_open(&arena);
	hadal = open_hadal();
	if (!strcmp(what, "each-kind"))
		each_kind();
	else if (!strcmp(what, "count-locks"))
		printf("%d\n", (int)plant(FAULT_LOCK_COUNT, argument));
	else if (!strcmp(what, "under-lock"))
		under_lock(argument);
	else if (!strcmp(what, "on-stack"))
		on_a_stack_of_its_own();
	else if (!strcmp(what, "at-entry"))
		at_the_entry();
	else if (!strcmp(what, "while-serving"))
		while_it_serves();
	else if (!strcmp(what, "plant"))
		CHECK(!plant(argument, FAULT_ANY_CPU));
	else
		CHECK(!"known");
	return 0;
}
