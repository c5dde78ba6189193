// SPDX-License-Identifier: MIT
/* hadal stats */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#define COLUMNS 4 /* CPUs side by side in 80 columns */

struct options {
	struct cli_where where;
};

/* What is counted beside the exits. */
static const struct {
	const char *name;
	size_t offset;
} counters[] = {
	{"kicks", offsetof(struct hadal_stats, kicks)},
	{"fixups", offsetof(struct hadal_stats, fixups)},
	{"faults", offsetof(struct hadal_stats, faults)},
	{"machine-checks", offsetof(struct hadal_stats, machine_checks)},
	{"tlb-flushes", offsetof(struct hadal_stats, flushes)},
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
	size_t end = first + COLUMNS < count ? first + COLUMNS : count;

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

static void print_json(const struct hadal_stats *stats, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct json_object *cpu = json_object_new_object();

		json_object_object_add(cpu, "cpu", json_object_new_int64(stats[i].cpu));
		for (size_t row = 0; row < ROW_COUNT; row++)
			if (row_value(&stats[i], row))
				json_object_object_add(
					cpu, row_name(row),
					json_object_new_uint64(row_value(&stats[i], row)));
		cli_print_json(cpu);
	}
}

static int print_stats(struct hadal *hadal, const struct hadal_info *info, bool json)
{
	struct hadal_stats *stats = calloc(info->cpu_count, sizeof(*stats));
	struct hadal_error error;
	size_t count = 0;

	if (!stats) {
		hadal_fail(&error, ENOMEM, "Out of memory");
		return cli_fail(&error);
	}
	for (unsigned int cpu = 0; cpu < info->cpu_count; cpu++) {
		int result = hadal_stats(hadal, cpu, &stats[count], &error);

		if (!result) {
			count++;
		} else if (result != -ENXIO) { /* an offline CPU is no error */
			free(stats);
			return cli_fail(&error);
		}
	}
	if (json)
		print_json(stats, count);
	for (size_t first = 0; !json && first < count; first += COLUMNS) {
		if (first)
			putchar('\n');
		print_columns(stats, count, first);
	}
	free(stats);
	return CLI_OK;
}

static int run(void *data)
{
	const struct options *options = data;
	struct hadal_info info;
	struct hadal *hadal;
	int result;

	hadal = cli_open_running(&info);
	if (!hadal)
		return CLI_FAILURE;
	result = print_stats(hadal, &info, options->where.json);
	hadal_close(hadal);
	return result;
}

const struct cli_command command_stats = {
	.name = "stats",
	.group = CLI_GROUP_HYPERVISOR,
	.summary = "count what made the CPUs exit to it",
	.about = "Print how often each kind of exit brought each CPU into the hypervisor "
		 "since the start, and its other counters. Kinds that never came are left out.",
	.takes = CLI_TAKES_JSON,
	CLI_OPTIONS_AT(where),
	.run = run,
};
