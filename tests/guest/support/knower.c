// SPDX-License-Identifier: MIT
/*
 * Does one thing a known number of times, on one CPU or on both at once, with a subscription of its
 * own to that, among those of others.
 */
#include "support/knower.h"

#include <cpuid.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../unit/random.h"
#include "events/events.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/wishes.h"

#define RING_BYTES (1u << 20)
#define LEAF       0x40005678u
/* Of CR3, the same with page-table isolation in the kernel and outside of it. */
#define ROOT_BITS 0x000fffffffffe000ull

enum thing { CALLS, WRITES, LEAVES, THINGS };

/* What the two CPUs are to do; the second one waits for a number that is not the last one. */
struct task {
	volatile uint64_t number, done;
	volatile uint32_t thing, piece, times;
	volatile uint64_t words[512] __attribute__((aligned(4096)));
};

struct knower {
	const struct scene *scene;
	struct totals *totals;
	struct hadal_events *events;
	uint64_t random;
	struct task *task;
	uint64_t word; /* physical address of task->words */
	pid_t second;
	uint64_t scratch[4];
};

static void do_task(struct knower *k, unsigned int cpu)
{
	struct task *task = k->task;
	uint32_t a, b, c, d;

	for (uint32_t i = 0; i < task->times; i++) {
		switch (task->thing) {
		case CALLS:
			CHECK(victim_call(&k->scene->victim, task->piece, i, k->scratch));
			break;
		case WRITES:
			task->words[cpu] = i;
			break;
		default:
			__cpuid_count(LEAF, i, a, b, c, d);
		}
	}
}

static void second_cpu(struct knower *k)
{
	uint64_t last = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to_cpu(1 % k->scene->cpus);
	for (;; usleep(100)) {
		if (k->task->number == last)
			continue;
		last = k->task->number;
		do_task(k, 1);
		k->task->done = last;
	}
}

static void ask_for(struct knower *k, struct hadal_subscription *asked)
{
	struct task *task = k->task;
	unsigned int point = random_below(&k->random, victim_points());

	*asked = (struct hadal_subscription){.cookie = random_next(&k->random), .count = 1};
	some_captures(&k->random, asked);
	task->times = 1 + random_below(&k->random, 200);
	task->thing = random_below(&k->random, 4) ? CALLS : random_below(&k->random, THINGS);
	asked->access = HADAL_ACCESS_EXECUTE;
	switch (task->thing) {
	case CALLS:
		asked->kind = HADAL_EVENT_BREAK;
		asked->method = random_below(&k->random, 4) ? HADAL_BREAK_VIEW : HADAL_BREAK_DEBUG;
		task->piece = victim_point(point)->piece;
		/* QEMU clears RF in each round, as it does without Hadal too. */
		if (task->piece == VICTIM_REPEATS)
			asked->method = HADAL_BREAK_VIEW;
		asked->first = victim_address(&k->scene->victim, point);
		break;
	case WRITES:
		asked->kind = HADAL_EVENT_MEMORY;
		asked->access = HADAL_ACCESS_WRITE;
		asked->first = k->word;
		asked->count = 16;
		break;
	default:
		asked->kind = HADAL_EVENT_CPUID;
		asked->first = LEAF;
	}
}

/* The workload does the same: what these two processes do is ours. */
static void filter_ours(struct hadal_subscription *asked, const uint64_t *roots)
{
	asked->clause_count = 2;
	for (unsigned int i = 0; i < 2; i++)
		asked->clause[i] = (struct hadal_clause){.value = HADAL_FILTER_CR3,
							 .alternative = i,
							 .mask = ROOT_BITS,
							 .operand = roots[i] & ROOT_BITS};
}

static void fail(struct knower *k, const struct hadal_subscription *asked,
		 const struct hadal_subscription_state *state, uint64_t told, uint64_t expected)
{
	struct hadal_subscription_state other;

	printf("thing %u of piece %u, kind %u at %" PRIx64 " by method %u: %" PRIu64
	       " hits, %" PRIu64 " lost, %" PRIu64 " filtered, %" PRIu64 " told of %" PRIu64 "\n",
	       k->task->thing, k->task->piece, asked->kind, asked->first, state->method,
	       state->hits, state->lost, state->filtered, told, expected);
	for (unsigned int i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		if (!hadal_events_state_at(k->events, i, &other, NULL))
			printf(" %u: kind %u method %u state %u hits %" PRIu64 " held %" PRIu64
			       "\n",
			       other.subscription, other.kind, other.method, other.state,
			       other.hits, other.held);
	exit(1);
}

/* Reads what there is; how many are ours. */
static uint64_t read_ours(struct knower *k, const struct hadal_subscription *asked, int number)
{
	const struct hadal_event *event;
	uint64_t count = 0;

	while ((event = hadal_events_next(k->events))) {
		EQUAL(event->subscription, number);
		EQUAL(event->cookie, asked->cookie);
		if (event->kind == HADAL_EVENT_NOTICE)
			continue;
		EQUAL(event->kind, asked->kind);
		if (asked->kind == HADAL_EVENT_BREAK)
			EQUAL(event->rip, asked->first);
		count++;
	}
	return count;
}

static void one_round(struct knower *k, const uint64_t *roots)
{
	struct hadal_subscription asked;
	struct hadal_subscription_state state;
	bool both = random_below(&k->random, 2);
	uint64_t expected, told;
	int number;

	ask_for(k, &asked);
	filter_ours(&asked, roots);
	number = hadal_events_subscribe(k->events, &asked, NULL);
	if (number == -ENOSPC || number == -ENOMEM)
		return;
	if (number < 0)
		fail(k, &asked, &(struct hadal_subscription_state){0}, number, 0);
	expected = k->task->times * (both ? 2 : 1);
	if (both)
		k->task->number++;
	do_task(k, 0);
	told = read_ours(k, &asked, number);
	while (both && k->task->done != k->task->number)
		usleep(200);
	EQUAL(hadal_events_state(k->events, number, &state, NULL), 0);
	EQUAL(hadal_events_unsubscribe(k->events, number, NULL), 0);
	told += read_ours(k, &asked, number);
	if (!victim_stays(&k->scene->victim))
		return;
	if (told != expected)
		fail(k, &asked, &state, told, expected);
	TOTAL(k->totals->known_rounds, 1);
	TOTAL(k->totals->known, expected);
}

int knower_run(const struct scene *scene, uint64_t random, struct totals *totals)
{
	struct knower k = {.scene = scene, .totals = totals, .random = random};
	struct hadal *hadal = open_hadal();
	uint64_t roots[2];

	k.task = mmap(NULL, sizeof(*k.task), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	CHECK(k.task != MAP_FAILED);
	CHECK(victim_reads_right(&scene->victim)); /* it is mapped here too from now on */
	k.word = physical_of((void *)k.task->words);
	k.second = fork();
	CHECK(k.second >= 0);
	if (!k.second)
		second_cpu(&k);
	pin_to_cpu(0);
	CHECK(!hadal_process_root(hadal, getpid(), &roots[0], NULL));
	CHECK(!hadal_process_root(hadal, k.second, &roots[1], NULL));
	scene->shared->roots[SCENE_CPUS + 1] = roots[1];
	hadal_close(hadal);
	CHECK(!hadal_events_open(&k.events, RING_BYTES, NULL));
	while (!scene->shared->stop)
		one_round(&k, roots);
	hadal_events_close(k.events);
	kill(k.second, SIGKILL);
	return 0;
}
