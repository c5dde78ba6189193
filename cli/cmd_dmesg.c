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
	struct cli_view view;
};

static void parse_levels(struct argp_state *state, char *text, struct options *options)
{
	char *rest;

	for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
		size_t level = 0;

		while (level < LEVELS && strcmp(name, levels[level]))
			level++;
		if (level == LEVELS)
			argp_error(state, "there is no level '%s'", name);
		options->levels |= 1u << level;
	}
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case 'l':
		parse_levels(state, text, options);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"level", 'l', "LEVEL,...", 0,
			 "Only these: emerg, alert, crit, err, warn, notice, info, debug", 0},
			{0},
		},
	.parser = parse,
	.children = cli_view_options,
	.doc = "Print the kernel's log from its own memory, with seconds after boot.\v"
	       "With --json, one record a line.",
};

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
	cli_print_json_line(object);
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
	if (options->view.json)
		print_json(record, text);
	else
		print_lines(record, text);
	free(text);
}

int cmd_dmesg(int argc, char **argv)
{
	struct options options = {0};
	struct cli_kernel source;
	struct hadal_error error;
	size_t lost;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!cli_kernel_open(&source, options.view.image))
		return CLI_FAILURE;
	result = hadal_dmesg(source.kernel, print_record, &options, &lost, &error);
	if (result)
		cli_fail(&error);
	else
		cli_warn_lost(lost, "log records");
	cli_kernel_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}
