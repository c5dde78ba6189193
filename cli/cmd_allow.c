// SPDX-License-Identifier: MIT
/* hadal allow */
#include "cli.h"

#include <limits.h>

#include "parse.h"

struct options {
	uint64_t pid;
	struct cli_where where;
};

static const char *set_pid(void *data, const char *text)
{
	struct options *options = data;

	if (parse_number(text, &options->pid) || !options->pid || options->pid > INT_MAX)
		return "the number of a process";
	return NULL;
}

static int allow(struct hadal *hadal, void *data, struct hadal_error *error)
{
	const struct options *options = data;

	return hadal_admit(hadal, options->pid, 0, error);
}

static int run(void *data)
{
	return cli_device_run(allow, data);
}

static const struct cli_argument arguments[] = {CLI_ARGUMENT_SET("PID", set_pid), {0}};

const struct cli_command command_allow = {
	.name = "allow",
	.group = CLI_GROUP_CLIENTS,
	.summary = "let a running process introspect",
	.about = "Let a running process introspect this system, as 'hadal exec' does for a "
		 "new one.",
	.arguments = arguments,
	CLI_OPTIONS_AT(where),
	.run = run,
};
