/* SPDX-License-Identifier: MIT */
/* What the commands about events share: subscribe, print what comes until enough was seen, sum up.
 */
#ifndef HADAL_CLI_EVENT_FOLLOW_H
#define HADAL_CLI_EVENT_FOLLOW_H

#include <stdbool.h>

#include "command.h"
#include "event_print.h"
#include "events/events.h"
#include "target.h"

/* When to stop, and which events are left out in the hypervisor; a part of a command's options. */
struct event_limits {
	uint64_t count, seconds; /* 0: no end */
	uint64_t sample;         /* 0, 1: all */
	uint64_t budget;         /* percent of each CPU's time; 0: no limit */
	uint64_t rate;           /* events a second on each CPU; 0: no limit */
	uint64_t cpu;            /* EVENT_ANY_CPU for all */
};

#define EVENT_ANY_CPU UINT64_MAX

/* Rows for the table of options of a command whose struct event_limits is called limits. */
/* clang-format off */
#define EVENT_OPTIONS                                                                             \
	CLI_OPTION_NUMBER('c', "count", "COUNT", "Stop after COUNT events", limits.count, 0, 0),  \
	CLI_OPTION_NUMBER('s', "seconds", "SECONDS", "Stop after SECONDS", limits.seconds, 0, 0), \
	CLI_OPTION_NUMBER(0, "cpu", "CPU", "Only on this CPU", limits.cpu, 0, 0),                 \
	CLI_OPTION_NUMBER(0, "sample", "COUNT", "Record only one event in COUNT", limits.sample,  \
			  1, UINT32_MAX),                                                 \
	CLI_OPTION_NUMBER(0, "budget", "PERCENT",                                                 \
			  "Take at most PERCENT of each CPU's time: over it record only some "    \
			  "events, at last none",                                                 \
			  limits.budget, 1, 100),                                                 \
	CLI_OPTION_NUMBER(0, "rate", "COUNT",                                                     \
			  "Let at most COUNT events a second come on each CPU: over it record "   \
			  "only some, at last none",                                              \
			  limits.rate, 1, UINT32_MAX)
/* clang-format on */

struct event_follow {
	const struct event_limits *limits;
	struct event_printer *printer;
	/* Opens, subscribes and runs, see below. Returns 0 or a negative errno. */
	int (*work)(void *ctx, struct cli_target *target, struct hadal_error *error);
	struct hadal_events *events;
	/* Prints an event; asked: what it was subscribed to by. */
	void (*print)(void *ctx, const struct hadal_subscription *asked,
		      const struct hadal_event *event);
	/* Whether nothing more can come, so that it is over; NULL: never. */
	bool (*ended)(void *ctx);
	void *ctx;
	uint64_t seen; /* without notices */
	uint32_t numbers[HADAL_MAX_SUBSCRIPTIONS];
	struct hadal_subscription asked[HADAL_MAX_SUBSCRIPTIONS];
	size_t count;
};

/* Of each CPU's ring: a thousand records, or some hundreds with a stack each. */
#define EVENT_RING_BYTES       (1u << 18)
#define EVENT_STACK_RING_BYTES (1u << 20)
#define EVENT_STEP_RING_BYTES  (1u << 22) /* some ten thousand */

/*
 * Opens the target, with its kernel, and the printer; does the work, and closes them and the
 * events. Says why when it failed. Returns an exit code.
 */
int event_follow_main(struct event_follow *follow, const struct cli_where *where);

/* Opens the events. Returns 0 or a negative errno. */
int event_follow_open(struct event_follow *follow, uint32_t ring_bytes, struct hadal_error *error);

/*
 * Subscribes to asked and, with it, to what the limits and root say: a CR3, 0 for all address
 * spaces. Returns the number of the subscription, or a negative errno as hadal_events_subscribe.
 */
int event_follow_add(struct event_follow *follow, const struct hadal_subscription *asked,
		     uint64_t root, struct hadal_error *error);

/*
 * Prints until the limits are reached or a signal comes, and sums up on stderr. Returns 0, or a
 * negative errno: -ENOBUFS when records were lost, -EDQUOT when a budget has ended a subscription.
 */
int event_follow_run(struct event_follow *follow, struct hadal_error *error);

#endif
