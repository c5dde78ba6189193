// SPDX-License-Identifier: MIT
/*
 * What subscriptions cost is counted, and one that costs more than it may is sampled, turned off,
 * and says so. The machine goes on whatever is watched. In a guest as root, with Hadal started and
 * /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define RING_BYTES (1u << 18)
#define LEAF       0x40005678u
#define TIMES      1000u
#define RATE       500u
#define SHARE      50u
/* What a budget of 5 % may make of the time that work takes: nine bursts of 50 ms are to come. */
#define SLOWER_MOST 2.5

static struct hadal_events *events;
static struct hadal *hadal;
static struct hadal_error error;
static struct arena arena;
static int device;

static struct hadal_subscription_state state_on(uint32_t subscription, uint32_t cpu)
{
	struct hadal_subscription_state state;

	CHECK(!hadal_events_state_on(events, subscription, cpu, &state, &error));
	return state;
}

static void check_costs(void)
{
	struct hadal_subscription asked = to_cstar();
	struct hadal_subscription_state state;
	uint32_t number, cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t ticks = 0, hits = 0;
	uint32_t a, b, c, d;

	asked.action = HADAL_ACTION_COUNT;
	number = subscribe_to(events, &asked);
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	usleep(50000); /* an exit's own cost is estimated: of a tight loop it may come out as all */
	for (uint32_t cpu = 0; cpu < cpus; cpu++) {
		state = state_on(number, cpu);
		EQUAL(state.hits, cpu ? 0 : TIMES);
		EQUAL(!state.ticks, cpu != 0);
		ticks += state.ticks;
		hits += state.hits;
	}
	state = state_of(events, number);
	EQUAL(state.hits, hits);
	EQUAL(state.ticks, ticks);
	CHECK(state.elapsed > state.ticks);
	CHECK(hadal_events_share(&state, cpus) > 0 && hadal_events_share(&state, cpus) < 1000);
	EQUAL(hadal_events_state_on(events, number, HADAL_MAX_CPUS, &state, &error), -ENXIO);
	unsubscribe_from(events, number);

	/* Other leaves exit for it too. */
	asked = (struct hadal_subscription){.kind = HADAL_EVENT_CPUID,
					    .access = HADAL_ACCESS_EXECUTE,
					    .first = LEAF,
					    .count = 1};
	number = subscribe_to(events, &asked);
	for (unsigned int i = 0; i < TIMES; i++)
		__cpuid(LEAF + 1, a, b, c, d);
	state = state_of(events, number);
	EQUAL(state.hits, 0);
	CHECK(state.ticks);
	unsubscribe_from(events, number);
}

static void check_steps(void)
{
	struct hadal_subscription asked = to_memory(arena.physical, 8, HADAL_ACCESS_WRITE);
	volatile uint64_t *words = (volatile uint64_t *)arena.bytes;
	uint32_t number;

	words[0] = 0; /* a page fault of the kernel's would step too */
	number = subscribe_to(events, &asked);
	for (unsigned int i = 0; i < TIMES; i++)
		words[0] = i;
	EQUAL(state_of(events, number).steps, TIMES);
	for (unsigned int i = 0; i < TIMES; i++)
		words[1] = i; /* beside it, on the same page */
	EQUAL(state_of(events, number).steps, 2 * TIMES);
	EQUAL(state_of(events, number).hits, TIMES);
	EQUAL(read_told(events, number).records, TIMES);
	unsubscribe_from(events, number);
}

static void check_rate(void)
{
	struct hadal_subscription asked = to_cstar();
	struct told told;
	uint32_t number;

	asked.rate = RATE;
	number = subscribe_to(events, &asked);
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, RATE);
	told = read_told(events, number);
	EQUAL(told.records, RATE);
	EQUAL(told.notices, 0);
	EQUAL(state_of(events, number).state, HADAL_NOTICE_FULL);
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 2 * RATE);
	told = read_told(events, number);
	EQUAL(told.notices, 1);
	EQUAL(told.notice.number, HADAL_NOTICE_SAMPLED);
	EQUAL(told.notice.physical, 4);
	CHECK(told.records < 2 * RATE);
	EQUAL(state_of(events, number).state, HADAL_NOTICE_SAMPLED);
	EQUAL(state_of(events, number).hits, 3 * RATE);
	for (unsigned int i = 0; i < 60 && state_of(events, number).state != HADAL_NOTICE_FULL;
	     i++) {
		usleep(100000);
		have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 4);
	}
	told = read_told(events, number);
	EQUAL(told.notices, 1);
	EQUAL(told.notice.number, HADAL_NOTICE_FULL);
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 4);
	EQUAL(read_told(events, number).records, 4);
	unsubscribe_from(events, number);
}

static uint64_t rdmsr_exits(void)
{
	struct hadal_stats stats;

	CHECK(!hadal_stats(hadal, 0, &stats, &error));
	return stats.exits[HADAL_EXIT_RDMSR];
}

/* Of a share that nothing fits into; nobody reads, so that the ring is full. */
static void check_off(void)
{
	struct hadal_subscription asked = to_cstar();
	struct hadal_subscription_state state;
	struct hadal_events *others = events;
	struct told told;
	uint64_t exits;
	uint32_t number;

	CHECK(!hadal_events_open(&events, HADAL_RING_BYTES_MIN, &error));
	asked.share = 1;
	number = subscribe_to(events, &asked);
	for (unsigned int i = 0; i < 1000 && state_of(events, number).state != HADAL_NOTICE_OFF;
	     i++)
		have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	state = state_of(events, number);
	EQUAL(state.state, HADAL_NOTICE_OFF);
	exits = rdmsr_exits();
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	CHECK(rdmsr_exits() - exits < TIMES / 2);
	EQUAL(state_of(events, number).hits, state.hits);
	told = read_told(events, number);
	EQUAL(told.notice.number, HADAL_NOTICE_OFF);
	CHECK(told.notices <= 9 && told.records);
	unsubscribe_from(events, number);
	hadal_events_close(events);
	events = others;
}

static bool is_intel(void)
{
	uint32_t a, b, c, d;

	__cpuid(0, a, b, c, d);
	return b == signature_INTEL_ebx;
}

/* Seconds that some work of the system's takes. */
static double work(void)
{
	struct timespec start, end;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned int i = 0; i < 500; i++) {
		int child = fork();

		CHECK(child >= 0);
		if (!child)
			_exit(0);
		CHECK(waitpid(child, NULL, 0) == child);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	return end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
}

static uint64_t frame_of(uint64_t address, uint64_t *table)
{
	struct hadal_translation walk;

	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, address, 0, &walk, &error));
	EQUAL(walk.result, 0);
	*table = walk.step[walk.step_count - 1].entry_address & ~(PAGE - 1);
	return walk.physical & ~(PAGE - 1);
}

/* A page that all the system's work uses: more than may be is turned off, and the work goes on. */
static void check_hot(const char *what, uint64_t page, uint32_t access, double alone)
{
	struct hadal_subscription asked = to_memory(page, PAGE, access);
	struct hadal_subscription_state state;
	uint32_t number;
	double with;

	asked.share = SHARE;
	number = subscribe_to(events, &asked);
	with = work();
	state = state_of(events, number);
	printf("%s: %.2f times as long, %llu hits, state %u\n", what, with / alone,
	       (unsigned long long)state.hits, state.state);
	CHECK(with / alone < SLOWER_MOST);
	unsubscribe_from(events, number);
	while (hadal_events_next(events))
		;
}

static void check_hot_pages(void)
{
	uint64_t per_cpu, idt, stack, table, unused;
	struct hadal_regs regs;
	double alone = work();

	CHECK(!hadal_regs(hadal, 0, &regs, &error));
	per_cpu = frame_of(regs.gs.base + 0x20000, &table);
	idt = frame_of(regs.idtr_base, &unused);
	stack = frame_of(regs.rsp, &unused);
	alone = (alone + work()) / 2;
	check_hot("per-CPU data", per_cpu, HADAL_ACCESS_WRITE, alone);
	check_hot("per-CPU data, all", per_cpu, HADAL_ACCESS_ALL, alone);
	check_hot("kernel stack", stack, HADAL_ACCESS_WRITE, alone);
	check_hot("page table", table, HADAL_ACCESS_WRITE, alone);
	if (!is_intel())
		check_hot("system-call entry", frame_of(regs.lstar, &unused), HADAL_ACCESS_EXECUTE,
			  alone);
	check_hot("interrupt table", idt, HADAL_ACCESS_READ, alone);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	device = ring0_open(&arena);
	pin_to_cpu(0);
	CHECK(!hadal_open(&hadal, &error));
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_costs();
	check_steps();
	check_rate();
	check_off();
	check_hot_pages();
	hadal_events_close(events);
	hadal_close(hadal);
	return 0;
}
