// SPDX-License-Identifier: MIT
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { KEY_ONLY = CLI_KEY_COMMAND };

struct options {
	char **program;
	uint32_t admits;
};

static int run(const struct options *options)
{
	char **argv = options->program;
	struct hadal_error error;
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);
	int code;

	if (!hadal)
		return CLI_FAILURE;
	if (hadal_admit(hadal, getpid(), options->admits, &error))
		return cli_fail(&error);
	execvp(argv[0], argv);
	code = errno;
	fprintf(stderr, "hadal: cannot run '%s': %s\n", argv[0], strerror(code));
	return code == ENOENT ? 127 : 126;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	(void)text;
	switch (key) {
	case KEY_ONLY:
		options->admits = HADAL_ADMIT_NEXT;
		return 0;
	case ARGP_KEY_ARG:
		options->program = &state->argv[state->next - 1];
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"only", KEY_ONLY, NULL, 0, "Admit PROGRAM and what it forks alone", 0},
			{0},
		},
	.parser = parse,
	.args_doc = "[--] PROGRAM [ARGUMENT...]",
	.doc = "Run a program that may introspect this system, such as LibVMI's tools or a script "
	       "of them.\v"
	       "It becomes this process. What it runs as root may introspect too. Exit status: the "
	       "program's; 127 when there is none of that name, 126 when it cannot be run, 1 when "
	       "Hadal is not running.\n\n"
	       "Example: sudo hadal exec -- vmi-process-list dom0",
};

int cmd_exec(int argc, char **argv)
{
	struct options options = {.admits = HADAL_ADMIT_ALL};

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &options);
	return run(&options);
}
