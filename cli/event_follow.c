// SPDX-License-Identifier: MIT
/* Prints events of subscriptions as they come, until enough was seen. */
#include "event_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

/* How long nothing is looked for but records. */
#define WAIT_MS 100

/* The bits of CR3 that tell address spaces apart: not the PCID, nor which half of it KPTI shows. */
#define CR3_SPACE (~0x1fffull & ~(1ull << 63))

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

int event_follow_open(struct event_follow *follow, uint32_t ring_bytes, struct hadal_error *error)
{
	return hadal_events_open(&follow->events, ring_bytes, error);
}

static int work_on(struct cli_target *target, void *data, struct hadal_error *error)
{
	struct event_follow *follow = data;
	uint64_t cpu = follow->limits->cpu;
	int result = event_printer_open(follow->printer, target->kernel.kernel, error);

	if (!result && cpu != EVENT_ANY_CPU && cpu >= target->kernel.source.cpu_count)
		result = hadal_fail(error, ENXIO, "There is no CPU %" PRIu64, cpu);
	if (!result)
		result = follow->work(follow->ctx, target, error);
	hadal_events_close(follow->events);
	event_printer_close(follow->printer);
	return result;
}

int event_follow_main(struct event_follow *follow, const struct cli_where *where)
{
	return cli_target_run(where, true, work_on, follow);
}

/* Before the clauses that there are: as each of those that "or" joins must be asked for them too.
 */
static int require(struct hadal_subscription *asked, const struct hadal_clause *required,
		   struct hadal_error *error)
{
	struct hadal_clause all[2 * HADAL_MAX_CLAUSES];
	size_t count = 0;

	for (size_t i = 0; i == 0 || i < asked->clause_count; i++) {
		bool begins = i == 0 || asked->clause[i].alternative;

		if (begins) {
			all[count] = *required;
			all[count++].alternative = i != 0;
		}
		if (i < asked->clause_count) {
			all[count] = asked->clause[i];
			all[count++].alternative = 0;
		}
	}
	if (count > HADAL_MAX_CLAUSES)
		return hadal_fail(error, E2BIG,
				  "The condition, --pid and --cpu make %zu comparisons together; "
				  "at most %u are "
				  "possible",
				  count, HADAL_MAX_CLAUSES);
	for (size_t i = 0; i < count; i++)
		asked->clause[i] = all[i];
	asked->clause_count = count;
	return 0;
}

int event_follow_add(struct event_follow *follow, const struct hadal_subscription *asked,
		     uint64_t root, struct hadal_error *error)
{
	const struct hadal_clause space = {.value = HADAL_FILTER_CR3,
					   .compare = HADAL_FILTER_EQUAL,
					   .mask = CR3_SPACE,
					   .operand = root & CR3_SPACE};
	const struct hadal_clause cpu = {.value = HADAL_FILTER_CPU,
					 .compare = HADAL_FILTER_EQUAL,
					 .mask = UINT64_MAX,
					 .operand = follow->limits->cpu};
	struct hadal_subscription *own = &follow->asked[follow->count];
	int result = 0;

	if (follow->count == HADAL_MAX_SUBSCRIPTIONS)
		return hadal_fail(error, ENOSPC, "One command can have at most %u subscriptions",
				  HADAL_MAX_SUBSCRIPTIONS);
	*own = *asked;
	own->sample = follow->limits->sample;
	own->share = 10 * follow->limits->budget;
	own->rate = follow->limits->rate;
	if (root)
		result = require(own, &space, error);
	if (!result && follow->limits->cpu != EVENT_ANY_CPU)
		result = require(own, &cpu, error);
	if (!result)
		result = hadal_events_subscribe(follow->events, own, error);
	if (result > 0)
		follow->numbers[follow->count++] = result;
	return result;
}

static double seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec + (now.tv_nsec - start->tv_nsec) / 1e9;
}

static bool has_enough(const struct event_follow *follow)
{
	return (follow->limits->count && follow->seen >= follow->limits->count) || ferror(stdout);
}

static bool is_over(const struct event_follow *follow, const struct timespec *start)
{
	const struct event_limits *limits = follow->limits;

	return interrupted || (limits->seconds && seconds_since(start) >= limits->seconds);
}

static void print_event(struct event_follow *follow, const struct hadal_event *event)
{
	for (size_t i = 0; i < follow->count; i++)
		if (follow->numbers[i] == event->subscription) {
			follow->seen += event->kind != HADAL_EVENT_NOTICE;
			follow->print(follow->ctx, &follow->asked[i], event);
		}
}

/* Of all subscriptions together; off: how many their budgets have ended. */
struct totals {
	uint64_t hits, filtered, lost, ticks;
	size_t off;
};

static struct totals add_up(const struct event_follow *follow)
{
	struct totals all = {0};

	for (size_t i = 0; i < follow->count; i++) {
		struct hadal_subscription_state state;

		if (hadal_events_state(follow->events, follow->numbers[i], &state, NULL))
			continue;
		all.hits += state.hits;
		all.filtered += state.filtered;
		all.lost += state.lost;
		all.ticks += state.ticks;
		all.off += state.state == HADAL_NOTICE_OFF;
	}
	return all;
}

/* Nothing more can come. */
static bool has_ended(const struct event_follow *follow)
{
	return add_up(follow).off == follow->count || (follow->ended && follow->ended(follow->ctx));
}

/* When it is over, what has happened until then is printed all the same. */
static int print_events(struct event_follow *follow, const struct timespec *start,
			struct hadal_error *error)
{
	uint64_t end = UINT64_MAX;
	int result = 0;

	while (result >= 0 && !has_enough(follow)) {
		const struct hadal_event *event;

		if (end == UINT64_MAX && is_over(follow, start))
			end = __rdtsc();
		event = hadal_events_next(follow->events);
		if (event && event->time <= end) {
			print_event(follow, event);
			continue;
		}
		fflush(stdout);
		if (end != UINT64_MAX)
			break;
		if (has_ended(follow)) {
			end = __rdtsc();
			continue;
		}
		result = hadal_events_wait(follow->events, WAIT_MS, error);
	}
	fflush(stdout);
	return result < 0 ? result : 0;
}

static void summarize(uint64_t seen, const struct totals *all, double ticks_per_second)
{
	fprintf(stderr,
		"hadal: %" PRIu64 " printed of %" PRIu64 " that happened, %" PRIu64
		" filtered, %" PRIu64 " lost; they took %.3f s of the CPUs\n",
		seen, all->hits, all->filtered, all->lost,
		ticks_per_second ? all->ticks / ticks_per_second : 0);
}

int event_follow_run(struct event_follow *follow, struct hadal_error *error)
{
	/* The second signal ends the program at once. */
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND};
	uint64_t ticks = __rdtsc();
	struct timespec start;
	struct totals all;
	double seconds;
	int result;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	result = print_events(follow, &start, error);
	seconds = seconds_since(&start);
	all = add_up(follow);
	summarize(follow->seen, &all, seconds ? (__rdtsc() - ticks) / seconds : 0);
	if (all.lost && !result)
		result = hadal_fail(error, ENOBUFS,
				    "Events came faster than they could be printed; ask for fewer, "
				    "or for one in COUNT with --sample");
	if (all.off && !result)
		result =
			hadal_fail(error, EDQUOT,
				   "What took more than --budget or --rate was turned off, and "
				   "nothing of it was recorded since; ask for less, or allow more");
	return result;
}
