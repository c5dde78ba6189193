// SPDX-License-Identifier: MIT
/* hadal exec */
#include "cli.h"
#include "exec_events.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct options {
	struct cli_rest program;
	int admits;
	bool events;
	struct cli_where where;
};

static int become(char **argv)
{
	int code;

	execvp(argv[0], argv);
	code = errno;
	fprintf(stderr, "hadal: Cannot run '%s': %s\n", argv[0], strerror(code));
	return code == ENOENT ? 127 : 126;
}

/* Asks the hypervisor itself, as LibVMI's Bareflank driver does. */
static bool admit(uint32_t admits)
{
	struct hadal_error error;
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);

	if (!hadal)
		return false;
	if (!hadal_admit(hadal, getpid(), admits, &error))
		return true;
	cli_fail(&error);
	return false;
}

/* Speaks KVMI. It is not admitted: LibVMI wants to find one driver, and would find two. */
static bool serve(void)
{
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);

	if (!hadal)
		return false;
	hadal_close(hadal);
	return exec_events_prepare();
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->admits = HADAL_ADMIT_ALL;
}

static int run(void *data)
{
	const struct options *options = data;

	if (!(options->events ? serve() : admit((uint32_t)options->admits)))
		return CLI_FAILURE;
	return become(options->program.items);
}

static const char *check(void *data)
{
	const struct options *options = data;

	return options->events && options->admits != HADAL_ADMIT_ALL
		       ? "--only and --events exclude each other"
		       : NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_CHOICE(0, "only", "Let only PROGRAM and what it forks introspect", admits,
			  HADAL_ADMIT_NEXT),
	CLI_OPTION_FLAG(
		0, "events",
		"Serve PROGRAM through LibVMI's KVM driver, which has events and calls this "
		"machine \"host\"",
		events),
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
		"With --events programs of LibVMI's KVM driver find this machine by the name host, "
		"without KVM, libvirt, a socket or a configuration of their own; LibVMI and "
		"libkvmi are as they are. PROGRAM stays on one CPU, that of the process which "
		"serves it until PROGRAM ends.\n"
		"\n"
		"Examples: sudo hadal exec -- vmi-process-list dom0\n"
		"          sudo hadal exec --events -- msr-event-example host",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_COMMAND,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
