// SPDX-License-Identifier: MIT
#include "cli.h"

#include <limits.h>

static error_t parse(int key, char *text, struct argp_state *state)
{
	uint64_t *pid = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		*pid = cli_argument(state, "PID", text);
		if (!*pid || *pid > INT_MAX)
			argp_error(state, "PID is the number of a process, and not '%s'", text);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "PID",
	.doc = "Let a running process introspect this system, as 'hadal exec' does for a new one.",
};

int cmd_allow(int argc, char **argv)
{
	struct hadal_error error;
	struct hadal *hadal;
	uint64_t pid = 0;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &pid);
	hadal = cli_open();
	if (!hadal)
		return CLI_FAILURE;
	result = hadal_admit(hadal, pid, 0, &error) ? cli_fail(&error) : CLI_OK;
	hadal_close(hadal);
	return result;
}
