// SPDX-License-Identifier: MIT
/* hadal dmesg */
#include "kernel.h"
#include "record.h"
#include "text.h"
#include "system/dmesg.h"

#include <inttypes.h>
#include <string.h>

static const char *const levels[] = {"emerg", "alert",  "crit", "err",
				     "warn",  "notice", "info", "debug"};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

struct options {
	unsigned levels; /* a bit for each that is wanted; 0: all */
	struct cli_where where;
};

static const char *set_levels(void *data, const char *text)
{
	struct options *options = data;
	size_t len;

	for (;; text += len + 1) {
		size_t level = 0;

		len = strcspn(text, ",");
		while (level < LEVELS &&
		       (strlen(levels[level]) != len || strncmp(text, levels[level], len)))
			level++;
		if (level == LEVELS)
			return "emerg, alert, crit, err, warn, notice, info or debug; several have "
			       "commas between them";
		options->levels |= 1u << level;
		if (!text[len])
			return NULL;
	}
}

/* A record may have several lines; each gets the time. Tabs stay. */
static void print_lines(const void *data, void *ctx)
{
	const struct hadal_dmesg_record *record = data;
	char text[CLI_VALUE_MAX];

	(void)ctx;
	for (const char *line = record->text;; line++) {
		size_t len = strcspn(line, "\n");

		printf("[%5" PRIu64 ".%06" PRIu64 "] ", record->time / 1000000000,
		       record->time / 1000 % 1000000);
		for (const char *part = line;; part++) {
			size_t size = strcspn(part, "\t\n");

			fputs(text_for_terminal(part, size, text, sizeof(text)), stdout);
			part += size;
			if (*part != '\t')
				break;
			putchar('\t');
		}
		putchar('\n');
		line += len;
		if (!*line)
			return;
	}
}

static bool make_level(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_dmesg_record *line = record;

	(void)ctx;
	snprintf(text, size, "%s", levels[line->level % LEVELS]);
	return true;
}

static struct json_object *json_facility(const void *record, void *ctx)
{
	const struct hadal_dmesg_record *line = record;

	(void)ctx;
	return json_object_new_int(line->facility);
}

static bool make_caller(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_dmesg_record *line = record;

	(void)ctx;
	snprintf(text, size, "%c%" PRIu32, line->from_cpu ? 'C' : 'T', line->caller);
	return true;
}

static bool make_subsystem(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_dmesg_record *line = record;

	(void)ctx;
	snprintf(text, size, "%s", line->subsystem);
	return *line->subsystem;
}

static bool make_device(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_dmesg_record *line = record;

	(void)ctx;
	snprintf(text, size, "%s", line->device);
	return *line->device;
}

#define AT(member) offsetof(struct hadal_dmesg_record, member), NULL, NULL

static const struct cli_column columns[] = {
	{"sequence", "SEQUENCE", 8, CLI_COLUMN_U64, AT(sequence), "number of the record"},
	{"time_ns", "TIME_NS", 16, CLI_COLUMN_U64, AT(time), "nanoseconds after boot"},
	{"level", "LEVEL", -6, CLI_COLUMN_MADE, 0, make_level, NULL, "`emerg` to `debug`"},
	{"facility", NULL, 3, CLI_COLUMN_JSON, 0, NULL, json_facility, "number, as of syslog"},
	{"continues", NULL, 3, CLI_COLUMN_BOOL, AT(continues), "the next record goes on with it"},
	{"caller", "CALLER", -8, CLI_COLUMN_MADE, 0, make_caller, NULL,
	 "`T` and a thread's number, or `C` and a CPU's"},
	{"subsystem", NULL, -12, CLI_COLUMN_MADE, 0, make_subsystem, NULL, "if it has one"},
	{"device", NULL, -12, CLI_COLUMN_MADE, 0, make_device, NULL, "if it has one"},
	{"text", "TEXT", 0, CLI_COLUMN_STRING, AT(text), "the text, perhaps of several lines"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "log record", .columns = columns, .print = print_lines};

struct printer {
	const struct options *options;
	struct cli_printer records;
};

static void print_record(void *ctx, const struct hadal_dmesg_record *record)
{
	struct printer *printer = ctx;
	const struct options *options = printer->options;

	if (!options->levels || options->levels >> record->level & 1)
		cli_printer_print(&printer->records, record);
}

static int list_records(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	size_t lost;
	int result = hadal_dmesg(kernel, print_record, ctx, &lost, error);

	if (!result)
		cli_warn_lost(lost, "log records");
	return result;
}

static int run(void *data)
{
	const struct options *options = data;
	struct printer printer = {.options = options};

	cli_printer_begin(&printer.records, &kind, &options->where, NULL, NULL);
	return cli_kernel_run(options->where.image, list_records, &printer);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_SET_OF(
		'l', "level", "LEVEL,...",
		"Only records of these levels: emerg, alert, crit, err, warn, notice, info, debug",
		set_levels, "emerg|alert|crit|err|warn|notice|info|debug"),
	{0},
};

const struct cli_command command_dmesg = {
	.name = "dmesg",
	.group = CLI_GROUP_SYSTEM,
	.summary = "print the kernel's log",
	.about = "Print the kernel's log from its own memory, with seconds after boot.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.run = run,
};
