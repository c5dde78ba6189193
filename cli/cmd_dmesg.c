// SPDX-License-Identifier: MIT
/* hadal dmesg */
#include "kernel.h"
#include "system/dmesg.h"

#include <inttypes.h>
#include <stdlib.h>
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
			return "emerg, alert, crit, err, warn, notice, info or debug, and commas";
		options->levels |= 1u << level;
		if (!text[len])
			return NULL;
	}
}

/* Lines and columns stay. */
static void make_text_printable(char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n\t");
		char separator = text[len];

		text[len] = '\0';
		cli_make_printable(text);
		text[len] = separator;
		text += separator ? len + 1 : len;
	}
}

/* A record may have several lines; each gets the time. */
static void print_lines(const struct hadal_dmesg_record *record, char *text)
{
	for (char *line; (line = strsep(&text, "\n"));)
		printf("[%5" PRIu64 ".%06" PRIu64 "] %s\n", record->time / 1000000000,
		       record->time / 1000 % 1000000, line);
}

static void print_json(const struct hadal_dmesg_record *record, char *text)
{
	struct json_object *object = json_object_new_object();
	char caller[16], subsystem[sizeof(record->subsystem)], device[sizeof(record->device)];

	strcpy(subsystem, record->subsystem);
	strcpy(device, record->device);
	cli_make_printable(subsystem);
	cli_make_printable(device);
	snprintf(caller, sizeof(caller), "%c%" PRIu32, record->from_cpu ? 'C' : 'T',
		 record->caller);
	json_object_object_add(object, "sequence", json_object_new_uint64(record->sequence));
	json_object_object_add(object, "time_ns", json_object_new_uint64(record->time));
	json_object_object_add(object, "level", json_object_new_string(levels[record->level % 8]));
	json_object_object_add(object, "facility", json_object_new_int(record->facility));
	json_object_object_add(object, "continues", json_object_new_boolean(record->continues));
	json_object_object_add(object, "caller", json_object_new_string(caller));
	if (*subsystem)
		json_object_object_add(object, "subsystem", json_object_new_string(subsystem));
	if (*device)
		json_object_object_add(object, "device", json_object_new_string(device));
	json_object_object_add(object, "text", json_object_new_string(text));
	cli_print_json(object);
}

static void print_record(void *ctx, const struct hadal_dmesg_record *record)
{
	const struct options *options = ctx;
	char *text;

	if (options->levels && !(options->levels >> record->level & 1))
		return;
	text = strdup(record->text);
	if (!text)
		return;
	make_text_printable(text);
	if (options->where.json)
		print_json(record, text);
	else
		print_lines(record, text);
	free(text);
}

static int run(void *data)
{
	struct options *options = data;
	struct cli_kernel source;
	struct hadal_error error;
	size_t lost;
	int result;

	if (!cli_kernel_open(&source, options->where.image))
		return CLI_FAILURE;
	result = hadal_dmesg(source.kernel, print_record, options, &lost, &error);
	if (result)
		cli_fail(&error);
	else
		cli_warn_lost(lost, "log records");
	cli_kernel_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_SET('l', "level", "LEVEL,...",
		       "Only these: emerg, alert, crit, err, warn, notice, info, debug",
		       set_levels),
	{0},
};

const struct cli_command command_dmesg = {
	.name = "dmesg",
	.group = CLI_GROUP_SYSTEM,
	.summary = "print the kernel's log from its memory",
	.about = "Print the kernel's log from its own memory, with seconds after boot.",
	.more = "With --json, one record a line.",
	.options = options_table,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.run = run,
};
