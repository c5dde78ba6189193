/* SPDX-License-Identifier: MIT */
/* What subscriptions to events cost, as `hadal stats` shows it. */
#ifndef HADAL_CLI_STATS_EVENTS_H
#define HADAL_CLI_STATS_EVENTS_H

#include "cli.h"
#include "record.h"

extern const struct cli_record_kind subscription_record_kind;

/*
 * Prints all subscriptions; nothing, not even a heading, when there are none and always is false.
 * Returns 0 or a negative errno.
 */
int stats_events_print(struct hadal *hadal, const struct cli_where *where, bool always,
		       struct hadal_error *error);

#endif
