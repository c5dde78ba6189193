// SPDX-License-Identifier: MIT
/* hadal exec */
#include "cli.h"
#include "exec_events.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CR4_LA57 (1u << 12)

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

/* What this process sees who asks for the hypervisor, as LibVMI's Bareflank driver does. */
static bool is_admitted(void)
{
	uint32_t eax = 0x40001337, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return eax == 42 && ebx == 42 && ecx == 42 && edx == 42;
}

static void warn_of_levels(struct hadal *hadal)
{
	struct hadal_regs regs;

	if (!hadal_regs(hadal, 0, &regs, NULL) && (regs.cr4 & CR4_LA57))
		fprintf(stderr, "hadal: This is not enough for LibVMI: it does not know the "
				"5-level page tables that this kernel uses. Boot with no5lvl\n");
}

/* Asks the hypervisor itself. */
static bool admit(struct hadal *hadal, uint32_t admits)
{
	struct hadal_error error;

	if (is_admitted() && admits == HADAL_ADMIT_ALL)
		fprintf(stderr, "hadal: hadal exec is not needed here: what is run from here is "
				"admitted already, unless --only was given\n");
	if (!hadal_admit(hadal, getpid(), admits, &error))
		return true;
	cli_fail(&error);
	return false;
}

/* Speaks KVMI, and is not admitted. */
static bool serve(struct hadal *hadal)
{
	hadal_close(hadal); /* who serves it would keep it open */
	if (!is_admitted())
		return exec_events_prepare();
	fprintf(stderr,
		"hadal: Cannot serve a program that another hadal exec has admitted: LibVMI "
		"would find two drivers, and refuses. Start it outside\n");
	return false;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->admits = HADAL_ADMIT_ALL;
}

static int run(void *data)
{
	const struct options *options = data;
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);

	if (!hadal)
		return CLI_FAILURE;
	warn_of_levels(hadal);
	if (!(options->events ? serve(hadal) : admit(hadal, (uint32_t)options->admits)))
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
