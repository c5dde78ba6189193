// SPDX-License-Identifier: MIT
/* hadal exec */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct options {
	struct cli_rest program;
	int admits;
	struct cli_where where;
};

static int admit_and_run(const struct options *options)
{
	char **argv = options->program.items;
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
	fprintf(stderr, "hadal: Cannot run '%s': %s\n", argv[0], strerror(code));
	return code == ENOENT ? 127 : 126;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->admits = HADAL_ADMIT_ALL;
}

static int run(void *data)
{
	return admit_and_run(data);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_CHOICE(0, "only", "Let only PROGRAM and what it forks introspect", admits,
			  HADAL_ADMIT_NEXT),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("PROGRAM", CLI_REST, program), {0}};

const struct cli_command command_exec = {
	.name = "exec",
	.group = CLI_GROUP_CLIENTS,
	.summary = "run a program that may introspect, such as LibVMI's",
	.about = "Run a program that may introspect this system, such as LibVMI's tools or a "
		 "script of them.",
	.more = "The program becomes this process. What it runs as root may introspect too. The "
		"exit status is the program's; 127 when there is none of that name, 126 when it "
		"cannot be run, 1 when Hadal is not running.\n"
		"\n"
		"Example: sudo hadal exec -- vmi-process-list dom0",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_COMMAND,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.run = run,
};
