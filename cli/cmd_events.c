// SPDX-License-Identifier: MIT
/* hadal events */
#include "event_print.h"
#include "event_words.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define RING_BYTES (1u << 18)

struct options {
	struct cli_rest what;
	uint64_t count, seconds, sample, cpu; /* cpu: ANY_CPU for all */
	struct cli_where where;
};

#define ANY_CPU UINT64_MAX

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

struct watch {
	const struct options *options;
	struct hadal_events *events;
	struct event_printer printer;
	uint64_t root; /* of the process asked for; 0: all */
	uint64_t seen;
	uint32_t subscription[HADAL_MAX_SUBSCRIPTIONS];
	size_t count;
};

static void add_filters(const struct watch *watch, struct hadal_subscription *asked)
{
	struct hadal_clause *clause = &asked->clause[asked->clause_count];

	if (watch->root)
		*clause++ = (struct hadal_clause){.value = HADAL_FILTER_CR3,
						  .compare = HADAL_FILTER_EQUAL,
						  .mask = EVENT_CR3_SPACE,
						  .operand = watch->root & EVENT_CR3_SPACE};
	if (watch->options->cpu != ANY_CPU)
		*clause++ = (struct hadal_clause){.value = HADAL_FILTER_CPU,
						  .compare = HADAL_FILTER_EQUAL,
						  .mask = UINT64_MAX,
						  .operand = watch->options->cpu};
	asked->clause_count = clause - asked->clause;
}

static int subscribe(struct watch *watch, struct hadal_error *error)
{
	const struct cli_rest *what = &watch->options->what;
	int result = hadal_events_open(&watch->events, RING_BYTES, error);

	for (int i = 0; !result && i < what->count; i++) {
		struct hadal_subscription asked = {.sample = watch->options->sample};

		event_words_parse(what->items[i], &asked);
		add_filters(watch, &asked);
		result = hadal_events_subscribe(watch->events, &asked, error);
		if (result > 0) {
			watch->subscription[watch->count++] = result;
			result = 0;
		}
	}
	return result;
}

static bool is_over(const struct watch *watch, const struct timespec *start)
{
	const struct options *options = watch->options;
	struct timespec now;

	if (interrupted || (options->count && watch->seen >= options->count) || ferror(stdout))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return options->seconds && now.tv_sec - start->tv_sec - (now.tv_nsec < start->tv_nsec) >=
					   (int64_t)options->seconds;
}

static int print_events(struct watch *watch, struct hadal_error *error)
{
	struct timespec start;
	int result = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (result >= 0 && !is_over(watch, &start)) {
		const struct hadal_event *event = hadal_events_next(watch->events);

		if (event) {
			watch->seen += event->kind != HADAL_EVENT_NOTICE;
			event_print(&watch->printer, event);
			continue;
		}
		fflush(stdout);
		result = hadal_events_wait(watch->events, 100, error);
	}
	return result < 0 ? result : 0;
}

/* What was seen, filtered and lost. Returns how many were lost. */
static uint64_t summarize(struct watch *watch)
{
	uint64_t hits = 0, filtered = 0, lost = 0, ticks = 0;

	for (size_t i = 0; i < watch->count; i++) {
		struct hadal_subscription_state state;

		if (hadal_events_state(watch->events, watch->subscription[i], &state, NULL))
			continue;
		hits += state.hits;
		filtered += state.filtered;
		lost += state.lost;
		ticks += state.ticks;
	}
	fprintf(stderr,
		"hadal: %" PRIu64 " printed of %" PRIu64 " that happened, %" PRIu64
		" filtered, %" PRIu64 " lost; they took %.3f s of the CPUs\n",
		watch->seen, hits, filtered, lost, event_printer_seconds(&watch->printer, ticks));
	return lost;
}

static int watch_events(struct watch *watch, struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct sigaction action = {.sa_handler = interrupt};
	int result = event_printer_open(&watch->printer, kernel, &watch->options->where, error);

	if (!result)
		result = subscribe(watch, error);
	if (result)
		return result;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	result = print_events(watch, error);
	fflush(stdout);
	if (summarize(watch) && !result)
		result = hadal_fail(error, ENOBUFS,
				    "Events came faster than they could be printed; ask for fewer, "
				    "or for one of several with --sample");
	return result;
}

static int run(void *data)
{
	const struct options *options = data;
	struct watch watch = {.options = options};
	struct cli_target target;
	struct hadal_error error;
	int result;

	if (!cli_target_open(&target, &options->where, true))
		return CLI_FAILURE;
	if (target.space)
		watch.root = target.space->root;
	result = watch_events(&watch, target.kernel.kernel, &error);
	hadal_events_close(watch.events);
	event_printer_close(&watch.printer);
	cli_target_close(&target);
	return result ? cli_fail(&error) : CLI_OK;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->cpu = ANY_CPU;
}

static const char *check(void *data)
{
	const struct options *options = data;
	static char text[256];

	if (options->what.count > (int)HADAL_MAX_SUBSCRIPTIONS)
		return "too many kinds of events";
	for (int i = 0; i < options->what.count; i++) {
		struct hadal_subscription asked = {0};
		const char *expected = event_words_parse(options->what.items[i], &asked);

		if (!expected)
			continue;
		snprintf(text, sizeof(text), "invalid WHAT '%.64s': expected %s",
			 options->what.items[i], expected);
		return text;
	}
	return NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER('c', "count", "COUNT", "Stop after COUNT events", count, 0, 0),
	CLI_OPTION_NUMBER('s', "seconds", "SECONDS", "Stop after SECONDS", seconds, 0, 0),
	CLI_OPTION_NUMBER(0, "cpu", "CPU", "Only on this CPU", cpu, 0, 0),
	CLI_OPTION_NUMBER(0, "sample", "N", "Record one in N of those that pass", sample, 1,
			  UINT32_MAX),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_WORDS("WHAT", CLI_REST, what, EVENT_KIND_WORDS), {0}};

const struct cli_command command_events = {
	.name = "events",
	.group = CLI_GROUP_EVENTS,
	.summary = "print what happens, as it happens",
	.about = "Print accesses of MSRs, control registers, ports and descriptor tables, CPUID "
		 "and exceptions as they happen, with who did it, until Ctrl-C.",
	.more = "WHAT is KIND[:NUMBERS][:r|w]:\n"
		"  msr:0xc0000082      msr:0x174-0x176:w   accesses of these MSRs\n"
		"  cr                  cr:3                writes of control registers\n"
		"  cpuid               cpuid:0x40000000    CPUID, of a leaf\n"
		"  io:0x60-0x6f        io:0x80:w           port accesses\n"
		"  descriptor          descriptor:idtr:w   LIDT, SGDT and so on\n"
		"  exception:14        exception:0-1       exceptions by vector\n"
		"  request                                 what a driver tells by hypercall\n\n"
		"The processor exits for what is asked for alone, and only while this runs. What "
		"was "
		"printed, filtered and lost is told at the end; the exit status is 1 when anything "
		"was lost.",
	.options = options_table,
	.arguments = arguments,
	.records = &event_record_kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
