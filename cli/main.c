// SPDX-License-Identifier: MIT
/* The `hadal` command: finds the sub-command and hands over. */
#include "cli.h"

#include <string.h>

static const struct cli_command commands[] = {
	{"start", "put Hadal under this running system", cmd_start},
	{"stop", "take it away again", cmd_stop},
	{"status", "say whether it runs and what it uses", cmd_status},
	{"log", "print the hypervisor's log", cmd_log},
	{"stats", "count what made the CPUs exit to it", cmd_stats},
	{"regs", "print the registers of CPUs", cmd_regs},
	{"read", "read physical or virtual memory", cmd_read},
	{"write", "write physical or virtual memory", cmd_write},
	{"translate", "walk the page tables for an address", cmd_translate},
	{"ps", "list processes from the kernel's memory", cmd_ps},
	{"modules", "list kernel modules from its memory", cmd_modules},
	{"maps", "list the memory mappings of a process", cmd_maps},
	{"files", "list the open files of processes", cmd_files},
	{"sockets", "list the sockets of all network namespaces", cmd_sockets},
	{"mounts", "list the mounts of a mount namespace", cmd_mounts},
	{"dmesg", "print the kernel's log from its memory", cmd_dmesg},
	{"exec", "run a program that may introspect, such as LibVMI's", cmd_exec},
	{"allow", "let a running process introspect", cmd_allow},
	{"clients", "list the programs that may introspect", cmd_clients},
	{"symbols", "print kernel symbols, its version and its place", cmd_symbols},
	{"syms", "the same as symbols", cmd_symbols},
	{"show", "print what an expression leads to in kernel memory", cmd_show},
	{"disas", "disassemble the kernel's or a process's text", cmd_disas},
	{"find", "find bytes, text or numbers in memory", cmd_find},
	{"strings", "print the strings in memory", cmd_strings},
	{"types", "print kernel types with offsets and sizes", cmd_types},
	{"dump", "write physical memory to a file", cmd_dump},
	{"mount", "show physical memory as files in a directory", cmd_mount},
	{"profile", "write symbols and types for volatility3 and LibVMI", cmd_profile},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const char *argp_program_version = "hadal 0.1 (ABI 1)";

static const struct cli_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	int *first = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!find_command(text))
			argp_error(state, "there is no command '%s'", text);
		*first = state->next - 1;
		state->next = state->argc; /* the rest is the command's */
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Puts the list of commands between the options and the last words of --help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;
	FILE *out;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&list, &size);
	if (!out)
		return (char *)text;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n%s", text);
	fclose(out);
	return list;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Look into this running system from a hypervisor below it.\v"
	       "'hadal COMMAND --help' tells more. Exit status: 0 done, 1 failed (stderr says "
	       "why), "
	       "2 wrong usage.",
	.help_filter = help_filter,
};

int main(int argc, char **argv)
{
	const struct cli_command *command;
	char name[64];
	int first = 0;
	int result;

	argp_err_exit_status = CLI_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
	command = find_command(argv[first]);
	snprintf(name, sizeof(name), "hadal %s", command->name);
	argv[first] = name;
	result = command->run(argc - first, argv + first);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "hadal: cannot write the output\n");
		return CLI_FAILURE;
	}
	return result;
}
