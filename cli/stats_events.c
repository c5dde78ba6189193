// SPDX-License-Identifier: MIT
/* Prints what subscriptions to events cost, of each CPU's time too. */
#include "stats_events.h"

#include <errno.h>
#include <inttypes.h>

#include "event_words.h"
#include "events/events.h"

struct row {
	struct hadal_subscription_state state;
	unsigned int cpus;
	double shares[HADAL_MAX_CPUS]; /* thousandths; below 0: a CPU that is offline */
};

static bool make_kind(const void *record, void *ctx, char *text, size_t size)
{
	(void)ctx;
	snprintf(text, size, "%s", event_kind_name(((const struct row *)record)->state.kind));
	return true;
}

static bool make_method(const void *record, void *ctx, char *text, size_t size)
{
	uint32_t method = ((const struct row *)record)->state.method;

	(void)ctx;
	snprintf(text, size, "%s", method == HADAL_BREAK_DEBUG ? "debug" : "view");
	return method != HADAL_BREAK_ANY;
}

static bool make_state(const void *record, void *ctx, char *text, size_t size)
{
	uint32_t state = ((const struct row *)record)->state.state;

	(void)ctx;
	snprintf(text, size, "%s",
		 state == HADAL_NOTICE_SAMPLED ? "sampled"
		 : state == HADAL_NOTICE_OFF   ? "off"
					       : "full");
	return true;
}

static double share(const struct row *row)
{
	return hadal_events_share(&row->state, row->cpus) / 10;
}

static bool make_share(const void *record, void *ctx, char *text, size_t size)
{
	(void)ctx;
	snprintf(text, size, "%.2f", share(record));
	return true;
}

static struct json_object *json_share(const void *record, void *ctx)
{
	(void)ctx;
	return json_object_new_double(share(record));
}

static bool make_shares(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	size_t len = 0;

	(void)ctx;
	for (unsigned int cpu = 0; cpu < row->cpus && len < size; cpu++)
		len += row->shares[cpu] < 0
			       ? snprintf(text + len, size - len, "%s-", cpu ? " " : "")
			       : snprintf(text + len, size - len, "%s%.2f", cpu ? " " : "",
					  row->shares[cpu] / 10);
	return true;
}

static struct json_object *json_shares(const void *record, void *ctx)
{
	const struct row *row = record;
	struct json_object *array = json_object_new_array();

	(void)ctx;
	for (unsigned int cpu = 0; cpu < row->cpus; cpu++)
		json_object_array_add(array, row->shares[cpu] < 0 ? NULL
								  : json_object_new_double(
									    row->shares[cpu] / 10));
	return array;
}

#define AT(member) offsetof(struct row, state.member), NULL, NULL

static const struct cli_column columns[] = {
	{"subscription", "EVENTS", 6, CLI_COLUMN_U32, AT(subscription), "its number"},
	{"owner", "OWNER", 5, CLI_COLUMN_U32, AT(owner),
	 "number of the open /dev/hadal that asked for it"},
	{"kind", "KIND", -10, CLI_COLUMN_MADE, 0, make_kind, NULL,
	 "as `hadal events` has it, or `memory`, `break`, `step` or `view`"},
	{"method", "METHOD", -6, CLI_COLUMN_MADE, 0, make_method, NULL,
	 "of a breakpoint: `debug` or `view`"},
	{"state", "STATE", -7, CLI_COLUMN_MADE, 0, make_state, NULL,
	 "`full`, `sampled` or, over its budget, `off`"},
	{"hits", "HITS", 10, CLI_COLUMN_U64, AT(hits), "events of its kind and place"},
	{"filtered", "FILTERED", 10, CLI_COLUMN_U64, AT(filtered),
	 "of these, those that a condition or sampling left out"},
	{"lost", "LOST", 8, CLI_COLUMN_U64, AT(lost), "of these, those that found the ring full"},
	{"steps", "STEPS", 10, CLI_COLUMN_U64, AT(steps), "instructions stepped over for it"},
	{"ticks", NULL, 14, CLI_COLUMN_U64, AT(ticks), "of the TSC that its exits have cost"},
	{"share", "SHARE%", 6, CLI_COLUMN_JSON, 0, make_share, json_share,
	 "number: percent of all CPUs' time since it was asked for"},
	{"cpu_shares", "OF EACH CPU", 0, CLI_COLUMN_JSON, 0, make_shares, json_shares,
	 "array of numbers: the same of each CPU; null for one that is offline"},
	{0},
};

const struct cli_record_kind subscription_record_kind = {
	.name = "subscription", .columns = columns, .when = "With --events"};

static int read_shares(struct hadal *hadal, uint32_t index, struct row *row,
		       struct hadal_error *error)
{
	for (unsigned int cpu = 0; cpu < row->cpus; cpu++) {
		struct hadal_subscription_state state;
		int result = hadal_subscription_at(hadal, index, cpu, &state, error);

		if (result == -ENOENT) /* it has just gone */
			return result;
		if (result && result != -ENXIO)
			return result;
		row->shares[cpu] = result ? -1 : hadal_events_share(&state, 1);
	}
	return 0;
}

int stats_events_print(struct hadal *hadal, const struct cli_where *where, bool always,
		       struct hadal_error *error)
{
	static struct row row;
	struct cli_printer printer;
	struct hadal_info info;
	bool begun = false;
	int result = hadal_info(hadal, &info, error);

	if (result)
		return result;
	row.cpus = info.cpu_count < HADAL_MAX_CPUS ? info.cpu_count : HADAL_MAX_CPUS;
	for (uint32_t i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		result = hadal_subscription_at(hadal, i, -1, &row.state, error);
		if (!result)
			result = read_shares(hadal, i, &row, error);
		if (result && result != -ENOENT)
			return result;
		if (!begun && (always || !result)) {
			if (!always)
				putchar('\n');
			cli_printer_begin(&printer, &subscription_record_kind, where, NULL, NULL);
			begun = true;
		}
		if (!result)
			cli_printer_print(&printer, &row);
	}
	return 0;
}
