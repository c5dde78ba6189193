// SPDX-License-Identifier: MIT
/* hadal stats */
#include "cli.h"
#include "record.h"
#include "stats_events.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#define CPUS_ABREAST 4 /* CPUs side by side in 80 columns */

struct options {
	bool events;
	struct cli_where where;
};

/* What is counted beside the exits. */
static const struct {
	const char *name;
	size_t offset;
	const char *about;
} counters[] = {
	{"kicks", offsetof(struct hadal_stats, kicks),
	 "NMIs that one CPU sent another for the hypervisor"},
	{"fixups", offsetof(struct hadal_stats, fixups),
	 "faults in the image that became an error"},
	{"faults", offsetof(struct hadal_stats, faults), "other faults in the image"},
	{"machine-checks", offsetof(struct hadal_stats, machine_checks),
	 "machine checks that came while it ran"},
	{"tlb-flushes", offsetof(struct hadal_stats, flushes), "flushes of nested translations"},
};

#define COUNTER_COUNT (sizeof(counters) / sizeof(counters[0]))
#define ROW_COUNT     (HADAL_EXIT_KIND_COUNT + COUNTER_COUNT)

static const char *row_name(size_t row)
{
	return row < HADAL_EXIT_KIND_COUNT ? hadal_exit_name(row)
					   : counters[row - HADAL_EXIT_KIND_COUNT].name;
}

static uint64_t row_value(const struct hadal_stats *stats, size_t row)
{
	if (row < HADAL_EXIT_KIND_COUNT)
		return stats->exits[row];
	return *(const uint64_t *)((const char *)stats +
				   counters[row - HADAL_EXIT_KIND_COUNT].offset);
}

static uint64_t row_total(const struct hadal_stats *stats, size_t count, size_t row)
{
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += row_value(&stats[i], row);
	return total;
}

static void print_columns(const struct hadal_stats *stats, size_t count, size_t first)
{
	size_t end = first + CPUS_ABREAST < count ? first + CPUS_ABREAST : count;

	printf("%-17s%15s", "", "all CPUs");
	for (size_t i = first; i < end; i++)
		printf("    CPU %-4u", stats[i].cpu);
	putchar('\n');
	for (size_t row = 0; row < ROW_COUNT; row++) {
		uint64_t total = row_total(stats, count, row);

		if (!total)
			continue;
		printf("%-17s%15" PRIu64, row_name(row), total);
		for (size_t i = first; i < end; i++)
			printf("%12" PRIu64, row_value(&stats[i], row));
		putchar('\n');
	}
}

static struct cli_column columns[1 + ROW_COUNT + 1] = {
	{"cpu", "CPU", 4, CLI_COLUMN_U32, offsetof(struct hadal_stats, cpu), NULL, NULL,
	 "number of the CPU"},
};

static const struct cli_record_kind kind = {
	.name = "CPU", .columns = columns, .also = &subscription_record_kind};

/* The rows have their names already. */
__attribute__((constructor)) static void name_columns(void)
{
	for (size_t row = 0; row < ROW_COUNT; row++) {
		bool is_exit = row < HADAL_EXIT_KIND_COUNT;

		columns[1 + row] = (struct cli_column){
			.name = row_name(row),
			.width = 12,
			.kind = CLI_COLUMN_COUNT,
			.at = is_exit ? offsetof(struct hadal_stats, exits) + row * sizeof(uint64_t)
				      : counters[row - HADAL_EXIT_KIND_COUNT].offset,
			.about = is_exit ? "exits, if there were any"
					 : counters[row - HADAL_EXIT_KIND_COUNT].about,
		};
	}
}

static void print_all(const struct options *options, const struct hadal_stats *stats, size_t count)
{
	struct cli_printer printer;

	if (options->where.json || options->where.columns) {
		cli_printer_begin(&printer, &kind, &options->where, NULL, NULL);
		for (size_t i = 0; i < count; i++)
			cli_printer_print(&printer, &stats[i]);
		return;
	}
	for (size_t first = 0; first < count; first += CPUS_ABREAST) {
		if (first)
			putchar('\n');
		print_columns(stats, count, first);
	}
}

static int print_stats(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct hadal_stats *stats;
	struct hadal_info info;
	size_t count = 0;
	int result = hadal_info(hadal, &info, error);

	if (result)
		return result;
	if (options->events)
		return stats_events_print(hadal, &options->where, true, error);
	stats = calloc(info.cpu_count, sizeof(*stats));
	if (!stats)
		return hadal_fail(error, ENOMEM, "Out of memory");
	for (unsigned int cpu = 0; !result && cpu < info.cpu_count; cpu++) {
		result = hadal_stats(hadal, cpu, &stats[count], error);
		if (!result)
			count++;
		else if (result == -ENXIO) /* an offline CPU is no error */
			result = 0;
	}
	if (!result)
		print_all(options, stats, count);
	free(stats);
	if (!result && !options->where.json && !options->where.columns)
		result = stats_events_print(hadal, &options->where, false, error);
	return result;
}

static int run(void *data)
{
	return cli_device_run(print_stats, data);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('e', "events", "Print only what each subscription to events has cost",
			events),
	{0},
};

const struct cli_command command_stats = {
	.name = "stats",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "count the exits to the hypervisor, by kind and CPU",
	.about = "Print how often each kind of exit brought each CPU into the hypervisor "
		 "since the start, and its other counters. Kinds that never came are left out. "
		 "Below, what each subscription of 'hadal events', 'hadal watch' and the like has "
		 "cost.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS,
	CLI_OPTIONS_AT(where),
	.run = run,
};
