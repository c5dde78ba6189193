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

static int run(void *data)
{
	const struct options *options = data;
	struct hadal_error error;
	struct hadal *hadal;
	int result;

	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = hadal_admit(hadal, options->pid, 0, &error) ? cli_fail(&error) : CLI_OK;
	hadal_close(hadal);
	return result;
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
