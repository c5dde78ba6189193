// SPDX-License-Identifier: MIT
/* hadal completion: what a shell has to know to complete its command lines. */
#include "commands.h"

#include <stdio.h>
#include <string.h>

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

/* What stands for a list may be several of its words, with commas. */
static bool is_list(const struct cli_option *option)
{
	return option->argument && strstr(option->argument, ",...");
}

/* The words that an option's argument may be, or the columns that there are, with spaces. */
static void print_words(const struct cli_command *command, const struct cli_option *option)
{
	if (option->words) {
		for (const char *word = option->words; *word; word++)
			putchar(*word == '|' ? ' ' : *word);
		return;
	}
	for (const struct cli_column *column = command->records->columns; column->name; column++)
		printf("%s%s", column == command->records->columns ? "" : " ", column->name);
}

static bool has_words(const struct cli_command *command, const struct cli_option *option)
{
	return option->words || (command->records && !strcmp(option->name, "columns"));
}

/* What may come behind an option: its words, or a name of a file as without completion. */
static void print_bash_option(const struct cli_command *command, const struct cli_option *option)
{
	if (!option->argument || option->argument_optional)
		return;
	printf("\t\t%s:--%s", command->name, option->name);
	if (option->letter)
		printf("|%s:-%c", command->name, option->letter);
	printf(") ");
	if (has_words(command, option)) {
		printf("words='");
		print_words(command, option);
		printf("'%s", is_list(option) ? " comma=1" : "");
	} else {
		printf("files=1");
	}
	printf(" ;;\n");
}

static void print_bash_command(const struct cli_command *command)
{
	const struct cli_argument *argument = command->arguments;
	const struct cli_option *option;

	printf("\t\t%s) options='--help", command->name);
	for (size_t i = 0; (option = option_at(command, i)); i++)
		printf(" --%s", option->name);
	printf("'");
	for (; argument && argument->name; argument++) {
		if (!argument->words)
			continue;
		printf(" words='");
		for (const char *word = argument->words; *word; word++)
			putchar(*word == '|' ? ' ' : *word);
		putchar('\'');
	}
	printf(" ;;\n");
}

static void print_bash(void)
{
	const struct cli_option *option;

	printf("_hadal()\n{\n"
	       "\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	       "\tlocal command=${COMP_WORDS[1]} options= words= files= comma= first=\n"
	       "\tif [ \"$word\" = = ]; then word=; fi\n"
	       "\tif [ \"$before\" = = ]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
	       "\tcase $command in\n");
	for (size_t i = 0; cli_commands[i]; i++)
		if (cli_commands[i]->alias)
			printf("\t\t%s) command=%s ;;\n", cli_commands[i]->alias,
			       cli_commands[i]->name);
	printf("\tesac\n\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords='--help --version");
	for (size_t i = 0; cli_commands[i]; i++)
		printf(" %s%s%s", cli_commands[i]->name, cli_commands[i]->alias ? " " : "",
		       cli_commands[i]->alias ? cli_commands[i]->alias : "");
	printf("'\n\telse\n\t\tcase $command in\n");
	for (size_t i = 0; cli_commands[i]; i++)
		print_bash_command(cli_commands[i]);
	printf("\t\tesac\n\t\tcase $command:$before in\n");
	for (size_t i = 0; cli_commands[i]; i++)
		for (size_t j = 0; (option = option_at(cli_commands[i], j)); j++)
			print_bash_option(cli_commands[i], option);
	printf("\t\t*) case $word in -*) words=$options ;; esac ;;\n\t\tesac\n\tfi\n"
	       "\tif [ \"$files\" ]; then words=; fi\n"
	       "\tif [ \"$comma\" ]; then\n"
	       "\t\tcase $word in *,*) first=${word%%,*}, word=${word##*,} ;; esac\n\tfi\n"
	       "\tCOMPREPLY=($(compgen -P \"$first\" -W \"$words\" -- \"$word\"))\n}\n"
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

/* Whether what stands for an argument is a file's name. */
static bool is_file(const char *argument)
{
	static const char *const names[] = {"FILE", "PATH", "DIRECTORY", "PROGRAM", "SCRIPT"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(argument, names[i]))
			return true;
	return false;
}

/* The last part of an option's description: what its argument may be. */
static void print_zsh_argument(const struct cli_command *command, const struct cli_option *option)
{
	if (!option->argument)
		return;
	printf(":%s:", option->argument);
	if (!has_words(command, option)) {
		printf(is_file(option->argument) ? "_files" : " ");
		return;
	}
	printf(is_list(option) ? "_values -s , %s " : "(", option->argument);
	print_words(command, option);
	printf("%s", is_list(option) ? "" : ")");
}

/* How zsh is told that an option has an argument; mark: where that may be the next word. */
static const char *argument_mark(const struct cli_option *option, const char *mark)
{
	if (!option->argument)
		return "";
	if (option->argument_optional)
		return *mark == '=' ? "=-" : "-";
	return mark;
}

static void print_zsh_command(const struct cli_command *command)
{
	const struct cli_argument *argument = command->arguments;
	const char *words = NULL;
	bool files = false;
	const struct cli_option *option;

	printf("\t%s%s%s) _arguments", command->name, command->alias ? "|" : "",
	       command->alias ? command->alias : "");
	for (size_t i = 0; (option = option_at(command, i)); i++) {
		printf(" \\\n\t\t");
		if (option->letter)
			printf("'(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name,
			       option->letter, argument_mark(option, "+"), option->name,
			       argument_mark(option, "="));
		else
			printf("'--%s%s[", option->name, argument_mark(option, "="));
		print_described(option->help);
		putchar(']');
		print_zsh_argument(command, option);
		putchar('\'');
	}
	for (; argument && argument->name; argument++) {
		words = argument->words ? argument->words : words;
		files = files || is_file(argument->name);
	}
	printf(" \\\n\t\t'*:argument:%s", words ? "(" : files ? "_files" : " ");
	for (; words && *words; words++)
		putchar(*words == '|' ? ' ' : *words);
	printf("%s' ;;\n", words ? ")" : "");
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
	printf("\t\t)\n\t\t_describe command commands\n\t\treturn\n\tfi\n"
	       "\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n");
	for (size_t i = 0; cli_commands[i]; i++)
		print_zsh_command(cli_commands[i]);
	/* A file in $fpath is the function; sourced, it has to be told what it is for. */
	printf("\tesac\n}\nif [ \"$funcstack[1]\" = _hadal ]; then\n\t_hadal \"$@\"\n"
	       "else\n\tcompdef _hadal hadal\nfi\n");
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
	.about = "Print a script that completes hadal's command lines in a shell, or a part of the "
		 "documentation.",
	.more = "FORMAT is bash or zsh for a script, man for the synopses of all commands, or json "
		"for what they print with --json.\n"
		"  . <(hadal completion bash)\n"
		"  . <(hadal completion zsh)       (after compinit)",
	.arguments = (const struct cli_argument[]){{.name = "FORMAT",
						    .kind = CLI_WORD,
						    .at = offsetof(struct options, shell),
						    .words = "bash|zsh|man|json"},
						   {0}},
	CLI_OPTIONS_AT(where),
	.run = run,
};
