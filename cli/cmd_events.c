// SPDX-License-Identifier: MIT
/* hadal events */
#include "event_follow.h"
#include "event_words.h"

#include <stdio.h>

struct options {
	struct cli_rest what;
	struct event_limits limits;
	struct cli_where where;
};

struct events {
	const struct options *options;
	struct event_printer printer;
	struct event_follow follow;
};

static void print_event(void *ctx, const struct hadal_subscription *asked,
			const struct hadal_event *event)
{
	struct events *events = ctx;
	const struct event_row row = event_row_of(&events->printer, asked, event);

	cli_printer_print(&events->printer.printer, &row);
}

static int follow_events(void *ctx, struct cli_target *target, struct hadal_error *error)
{
	struct events *events = ctx;
	const struct options *options = events->options;
	/* Of the process asked for; 0: all. */
	const uint64_t root = target->space ? target->space->root : 0;
	int result = event_follow_open(&events->follow, EVENT_RING_BYTES, error);

	for (int i = 0; result >= 0 && i < options->what.count; i++) {
		struct hadal_subscription asked = {0};

		event_words_parse(options->what.items[i], &asked);
		event_printer_want(&events->printer, &asked);
		result = event_follow_add(&events->follow, &asked, root, error);
	}
	if (result < 0)
		return result;
	event_printer_begin(&events->printer, &event_record_kind, &options->where);
	return event_follow_run(&events->follow, error);
}

static int run(void *data)
{
	static struct events events;
	const struct options *options = data;

	events.options = options;
	events.follow = (struct event_follow){.limits = &options->limits,
					      .printer = &events.printer,
					      .work = follow_events,
					      .print = print_event,
					      .ctx = &events};
	return event_follow_main(&events.follow, &options->where);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->limits.cpu = EVENT_ANY_CPU;
}

static const char *check(void *data)
{
	const struct options *options = data;
	static char text[256];

	if (options->what.count > (int)HADAL_MAX_SUBSCRIPTIONS) {
		snprintf(text, sizeof(text), "too many WHAT: at most %u are possible",
			 HADAL_MAX_SUBSCRIPTIONS);
		return text;
	}
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
	EVENT_OPTIONS,
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_WORDS("WHAT", CLI_REST, what, EVENT_KIND_WORDS), {0}};

const struct cli_command command_events = {
	.name = "events",
	.group = CLI_GROUP_EVENTS,
	.summary = "print accesses to MSRs, ports and the like as they happen",
	.about = "Print accesses to MSRs, control registers, ports and descriptor tables, CPUID "
		 "and exceptions as they happen, with who did it, until Ctrl-C.",
	.more = "WHAT is KIND[:NUMBERS][:r|w]:\n"
		"  msr:0xc0000082      msr:0x174-0x176:w   accesses to these MSRs\n"
		"  cr                  cr:3                writes of control registers\n"
		"  cpuid               cpuid:0x40000000    CPUID, of a leaf\n"
		"  io:0x60-0x6f        io:0x80:w           accesses to these ports\n"
		"  descriptor          descriptor:idtr:w   LIDT, SGDT and so on\n"
		"  exception:14        exception:0-1       exceptions by vector\n"
		"  request                                 what a driver tells by hypercall\n\n"
		"The processor exits only for what is asked for, and only while this runs. How "
		"many "
		"events were printed, filtered and lost is said at the end; the exit status is 1 "
		"when any was lost.",
	.options = options_table,
	.arguments = arguments,
	.records = &event_record_kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
