// SPDX-License-Identifier: MIT
/* hadal completion: what a shell has to know to complete its command lines. */
#include "commands.h"

#include <stdio.h>

#include "record.h"

enum shell { BASH, ZSH, SYNOPSIS, RECORDS };

struct options {
	int shell;
	struct cli_where where;
};

/* All options of a command, its own first; NULL after the last. */
static const struct cli_option *option_at(const struct cli_command *command, size_t index)
{
	const struct cli_option *own = command->options;

	for (; own && own->name; own++)
		if (!index--)
			return own;
	return cli_common_option(command, index);
}

static void print_bash(void)
{
	printf("_hadal()\n{\n\tlocal word=${COMP_WORDS[COMP_CWORD]} list\n"
	       "\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\tlist='--help --version");
	for (size_t i = 0; cli_commands[i]; i++)
		printf(" %s", cli_commands[i]->name);
	printf("'\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_option *option;

		printf("\t\t%s) list='--help", cli_commands[i]->name);
		for (size_t j = 0; (option = option_at(cli_commands[i], j)); j++)
			printf(" --%s", option->name);
		printf("' ;;\n");
	}
	printf("\t\tesac\n\t\tcase $word in -*) ;; *) list= ;; esac\n\tfi\n"
	       "\tCOMPREPLY=($(compgen -W \"$list\" -- \"$word\"))\n}\n"
	       "complete -o bashdefault -o default -F _hadal hadal\n");
}

/* A description may have what is special in zsh's own. */
static void print_described(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'') {
			printf("'\\''");
			continue;
		}
		if (*text == '[' || *text == ']' || *text == ':' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void print_zsh(void)
{
	printf("#compdef hadal\n_hadal()\n{\n\tif (( CURRENT == 2 )); then\n"
	       "\t\tlocal -a commands=(\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		printf("\t\t\t'%s:", cli_commands[i]->name);
		print_described(cli_commands[i]->summary);
		printf("'\n");
	}
	printf("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n\tcase $words[2] in\n");
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_option *option;

		printf("\t%s) _arguments", cli_commands[i]->name);
		for (size_t j = 0; (option = option_at(cli_commands[i], j)); j++) {
			printf(" \\\n\t\t'--%s%s[", option->name, option->argument ? "=" : "");
			print_described(option->help);
			printf("]%s%s%s'", option->argument ? ":" : "",
			       option->argument ? option->argument : "",
			       option->argument ? ":_files" : "");
		}
		printf(" \\\n\t\t'*:argument:_files' ;;\n");
	}
	printf("\tesac\n}\n_hadal \"$@\"\n");
}

static void print_option(const struct cli_option *option)
{
	printf(" [");
	if (option->letter)
		printf("-%c|", option->letter);
	printf("--%s", option->name);
	if (option->argument)
		printf(option->argument_optional ? "[=%s]" : " %s", option->argument);
	putchar(']');
}

static void print_synopses(void)
{
	for (size_t i = 0; cli_commands[i]; i++) {
		const struct cli_argument *argument = cli_commands[i]->arguments;
		const struct cli_option *option;

		printf("hadal %s", cli_commands[i]->name);
		for (size_t j = 0; (option = option_at(cli_commands[i], j)); j++)
			print_option(option);
		for (; argument && argument->name; argument++)
			printf(argument->optional ? " [%s%s]" : " %s%s", argument->name,
			       argument->kind == CLI_REST ? "..." : "");
		putchar('\n');
	}
}

static void print_records(void)
{
	for (size_t i = 0; cli_commands[i]; i++)
		if (cli_commands[i]->records) {
			printf("\n## hadal %s\n", cli_commands[i]->name);
			cli_record_describe(cli_commands[i]->records);
		}
}

static const char *set_shell(void *data, const char *text)
{
	static const char *const names[] = {
		[BASH] = "bash", [ZSH] = "zsh", [SYNOPSIS] = "man", [RECORDS] = "json"};
	struct options *options = data;

	for (options->shell = BASH; options->shell <= RECORDS; options->shell++) {
		const char *name = names[options->shell];
		size_t i = 0;

		while (name[i] && name[i] == text[i])
			i++;
		if (name[i] == text[i])
			return NULL;
	}
	return "bash, zsh, man or json";
}

static int run(void *data)
{
	const struct options *options = data;

	if (options->shell == BASH)
		print_bash();
	else if (options->shell == ZSH)
		print_zsh();
	else if (options->shell == SYNOPSIS)
		print_synopses();
	else
		print_records();
	return CLI_OK;
}

const struct cli_command command_completion = {
	.name = "completion",
	.group = CLI_GROUP_CLIENTS,
	.summary = "print a script that completes hadal's command lines",
	.about = "Print what a shell reads to complete hadal's command lines, or the "
		 "synopses of all commands and the columns of what they list, as the docs have "
		 "them.",
	.more = "  . <(hadal completion bash)",
	.arguments = (const struct cli_argument[]){CLI_ARGUMENT_SET("bash|zsh|man|json", set_shell),
						   {0}},
	CLI_OPTIONS_AT(where),
	.run = run,
};
