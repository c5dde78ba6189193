// SPDX-License-Identifier: MIT
/* The `hadal` command: finds the sub-command and hands over. */
#include "command.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hadal/abi.h>

static void print_version(FILE *stream, struct argp_state *state)
{
	(void)state;
	fprintf(stream, "hadal %s (ABI %u)\n", HADAL_VERSION, HADAL_ABI_VERSION);
}

void (*argp_program_version_hook)(FILE *, struct argp_state *) = print_version;

static const char *const headings[CLI_GROUPS] = {
	[CLI_GROUP_HYPERVISOR] = "The hypervisor",
	[CLI_GROUP_SYSTEM] = "The running system, as its kernel's memory has it",
	[CLI_GROUP_EVENTS] = "What happens in it",
	[CLI_GROUP_MEMORY] = "Memory and registers",
	[CLI_GROUP_KERNEL] = "The kernel's symbols, types and text",
	[CLI_GROUP_EVIDENCE] = "For other tools",
	[CLI_GROUP_CLIENTS] = "Programs that introspect, and the shell",
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	int *first = state->input;
	const char *guess;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!cli_command_find(text)) {
			guess = cli_command_guess(text);
			argp_error(state, "there is no command '%s'%s%s%s", text,
				   guess ? "; did you mean " : "", guess ? guess : "",
				   guess ? "?" : "");
		}
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

static void print_commands(FILE *out)
{
	for (int group = 0; group < CLI_GROUPS; group++) {
		fprintf(out, "%s%s\n", group ? "\n" : "", headings[group]);
		for (size_t i = 0; cli_commands[i]; i++)
			if ((int)cli_commands[i]->group == group)
				fprintf(out, "  %-12s%s\n", cli_commands[i]->name,
					cli_commands[i]->summary);
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
	print_commands(out);
	fprintf(out, "\n%s", text);
	fclose(out);
	return list;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Look into this running system from a hypervisor below it.\v"
	       "'hadal help COMMAND' or 'hadal COMMAND --help' tells more. Exit status: 0 done, 1 "
	       "failed or incomplete (stderr says why), 2 wrong usage.",
	.help_filter = help_filter,
};

/* "help" as in git: alone it is --help, before a command the help of that one. */
static void take_help(int *argc, char **argv)
{
	static char option[] = "--help";

	if (*argc < 2 || strcmp(argv[1], "help"))
		return;
	*argc = *argc > 2 && strcmp(argv[2], "help") ? 3 : 2;
	argv[1] = argv[*argc - 1];
	argv[*argc - 1] = option;
}

int main(int argc, char **argv)
{
	int first = 0;
	int result;

	argp_err_exit_status = CLI_USAGE;
	take_help(&argc, argv);
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
	result = cli_command_run(cli_command_find(argv[first]), argc - first, argv + first);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "hadal: Cannot write to standard output\n");
		return CLI_FAILURE;
	}
	return result;
}
