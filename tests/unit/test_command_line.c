// SPDX-License-Identifier: MIT
/* Command lines as a description has them, right and wrong. */
// Sources: cli/command_line.c cli/columns.c cli/parse.c
#include "unit.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hadal/abi.h>

#include "../../cli/command.h"

enum { HEX, TEXT, REGEX };

struct options {
	bool full;
	int way;
	uint64_t count, length;
	const char *path;
	int format;
	const char *set; /* what set_name() took */
	uint64_t address;
	struct cli_rest rest;
	struct cli_where where;
};

static const char *set_name(void *data, const char *text)
{
	struct options *options = data;

	options->set = text ? text : "none";
	return text && !strcmp(text, "bad") ? "anything else" : NULL;
}

static struct options taken;
static bool ran;

static int run(void *data)
{
	taken = *(struct options *)data;
	ran = true;
	return 7;
}

static void defaults(void *data)
{
	struct options *options = data;

	options->count = 4;
}

static const char *check(void *data)
{
	struct options *options = data;

	return options->full && options->path ? "--full and --output exclude each other" : NULL;
}

static const struct cli_option own_options[] = {
	CLI_OPTION_FLAG('f', "full", "Help", full),
	CLI_OPTION_CHOICE(0, "text", "Help", way, TEXT),
	CLI_OPTION_CHOICE(0, "regex", "Help", way, REGEX),
	CLI_OPTION_NUMBER('n', "count", "COUNT", "Help", count, 1, 4096),
	CLI_OPTION_LENGTH(0, "length", "LENGTH", "Help", length),
	CLI_OPTION_TEXT('o', "output", "FILE", "Help", path),
	CLI_OPTION_WORD(0, "format", "FORMAT", "Help", format, "elf|lime|raw"),
	CLI_OPTION_SET_MAYBE(0, "name", "NAME", "Help", set_name),
	{0},
};

static const struct cli_argument reader_arguments[] = {
	CLI_ARGUMENT("ADDRESS", CLI_NUMBER, address),
	CLI_ARGUMENT_OPTIONAL("LENGTH", CLI_LENGTH, length),
	{0},
};

static const struct cli_command reader = {
	.name = "reader",
	.about = "About",
	.options = own_options,
	.arguments = reader_arguments,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE | CLI_TAKES_MMIO,
	CLI_OPTIONS_AT(where),
	.defaults = defaults,
	.check = check,
	.run = run,
};

static const struct cli_argument lister_arguments[] = {
	CLI_ARGUMENT_OPTIONAL("PID", CLI_PID, where),
	{0},
};

static const struct cli_command lister = {
	.name = "lister",
	.about = "About",
	.arguments = lister_arguments,
	.takes = CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.run = run,
};

static const struct cli_argument runner_arguments[] = {
	CLI_ARGUMENT("PROGRAM", CLI_REST, rest),
	{0},
};

static const struct cli_command runner = {
	.name = "runner",
	.about = "About",
	.options = own_options,
	.arguments = runner_arguments,
	.takes = CLI_TAKES_COMMAND,
	CLI_OPTIONS_AT(where),
	.run = run,
};

#define WORDS_MAX 16

/* Runs a command with the words of a line, which are kept until the next. */
static int run_line(const struct cli_command *command, const char *line)
{
	static char copy[256];
	static char *words[WORDS_MAX + 1];
	int count = 1;
	char *rest;

	snprintf(copy, sizeof(copy), "%s", line);
	words[0] = "hadal";
	for (char *word = strtok_r(copy, " ", &rest); word && count < WORDS_MAX;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	words[count] = NULL;
	ran = false;
	return cli_command_run(command, count, words);
}

static void takes(const struct cli_command *command, const char *line)
{
	assert_int_equal(run_line(command, line), 7);
	assert_true(ran);
}

/* A usage error ends the program, so that it is another one. */
static void refuses(const struct cli_command *command, const char *line, const char *why)
{
	int errors = memfd_create("errors", 0), status;
	char text[512] = "";
	pid_t child = fork();

	assert_true(errors >= 0 && child >= 0);
	if (!child) {
		dup2(errors, STDERR_FILENO);
		run_line(command, line);
		_exit(0); /* not refused */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(pread(errors, text, sizeof(text) - 1, 0) >= 0);
	close(errors);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != CLI_USAGE || !strstr(text, why))
		fail_msg("'%s' ended with %#x and said: %s", line, status, text);
}

static void stores_every_kind_where_its_description_says(void **state)
{
	(void)state;
	takes(&reader, "0x1000 64k --text -n 12 -o out --format lime --name=me");
	assert_int_equal(taken.address, 0x1000);
	assert_int_equal(taken.length, 65536);
	assert_int_equal(taken.way, TEXT);
	assert_int_equal(taken.count, 12);
	assert_string_equal(taken.path, "out");
	assert_int_equal(taken.format, 1);
	assert_string_equal(taken.set, "me");
	assert_false(taken.full);
	takes(&reader, "--name -f 5");
	assert_string_equal(taken.set, "none");
	assert_true(taken.full);
	assert_int_equal(taken.count, 4); /* its default */
	assert_int_equal(taken.length, 0);
}

static void stores_where_memory_is(void **state)
{
	(void)state;
	takes(&reader, "5");
	assert_int_equal(taken.where.space, CLI_SPACE_DEFAULT);
	takes(&reader, "--pid 133 5 --json --image file");
	assert_int_equal(taken.where.space, CLI_SPACE_PROCESS);
	assert_int_equal(taken.where.pid, 133);
	assert_true(taken.where.json);
	assert_string_equal(taken.where.image, "file");
	takes(&reader, "--root 0x1ff48000 --levels 5 5");
	assert_int_equal(taken.where.space, CLI_SPACE_ROOT);
	assert_int_equal(taken.where.root, 0x1ff48000);
	assert_int_equal(taken.where.flags, HADAL_MEM_LA57);
	takes(&reader, "-k 5");
	assert_int_equal(taken.where.space, CLI_SPACE_KERNEL);
	takes(&reader, "--physical --mmio 5");
	assert_int_equal(taken.where.space, CLI_SPACE_PHYSICAL);
	assert_int_equal(taken.where.flags, HADAL_MEM_MMIO);
}

static void refuses_values_and_says_what_was_expected(void **state)
{
	(void)state;
	refuses(&reader, "zz", "invalid ADDRESS 'zz': expected a number, such as 4096 or 0x1000");
	refuses(&reader, "5 zz", "invalid LENGTH 'zz': expected 4096, 0x1000 or 64k");
	refuses(&reader, "5 -n 0", "invalid COUNT '0': expected a number from 1 to 4096");
	refuses(&reader, "5 -n 4097", "expected a number from 1 to 4096");
	refuses(&reader, "5 -n -1", "invalid COUNT '-1'");
	refuses(&reader, "5 --format li", "invalid FORMAT 'li': expected elf, lime or raw");
	refuses(&reader, "5 --format elf|lime", "invalid FORMAT 'elf|lime'");
	refuses(&reader, "5 --name=bad", "invalid NAME 'bad': expected anything else");
	refuses(&reader, "5 --levels 6", "invalid LEVELS '6': expected 4 or 5");
	refuses(&reader, "5 --pid x", "invalid PID 'x': expected the number of a process");
}

static void refuses_what_does_not_fit_together(void **state)
{
	(void)state;
	refuses(&reader, "--text --regex 5", "--text and --regex exclude each other");
	takes(&reader, "--text --text 5");
	refuses(&reader, "--kernel --pid 1 5", "--kernel and --pid exclude each other");
	refuses(&reader, "--root 1 --physical 5", "--root and --physical exclude each other");
	refuses(&reader, "--levels 4 5", "--levels needs --root");
	refuses(&reader, "--mmio -k 5", "--mmio needs a physical address of this system");
	refuses(&reader, "--mmio --image f 5", "--mmio needs a physical address");
	refuses(&reader, "-f -o out 5", "--full and --output exclude each other");
}

static void refuses_too_few_and_too_many_words(void **state)
{
	(void)state;
	refuses(&reader, "", "ADDRESS is needed");
	refuses(&reader, "1 2 3", "too many arguments: '3'");
	refuses(&reader, "5 --no-such", "unrecognized option");
	refuses(&lister, "--kernel", "unrecognized option");
}

static void takes_a_process_as_option_or_argument_but_not_both(void **state)
{
	(void)state;
	takes(&lister, "12");
	assert_int_equal(taken.where.pid, 12);
	assert_int_equal(taken.where.space, CLI_SPACE_PROCESS);
	takes(&lister, "-p 12");
	assert_int_equal(taken.where.pid, 12);
	takes(&lister, "");
	assert_int_equal(taken.where.space, CLI_SPACE_DEFAULT);
	refuses(&lister, "-p 12 13", "PID and --pid exclude each other");
	refuses(&lister, "13 -p 12", "PID and --pid exclude each other");
}

static void leaves_the_command_line_of_a_program_alone(void **state)
{
	(void)state;
	takes(&runner, "-f ls -l --color");
	assert_true(taken.full);
	assert_int_equal(taken.rest.count, 3);
	assert_string_equal(taken.rest.items[0], "ls");
	assert_string_equal(taken.rest.items[2], "--color");
	takes(&runner, "-- ls -f");
	assert_false(taken.full);
	assert_int_equal(taken.rest.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stores_every_kind_where_its_description_says),
		cmocka_unit_test(stores_where_memory_is),
		cmocka_unit_test(refuses_values_and_says_what_was_expected),
		cmocka_unit_test(refuses_what_does_not_fit_together),
		cmocka_unit_test(refuses_too_few_and_too_many_words),
		cmocka_unit_test(takes_a_process_as_option_or_argument_but_not_both),
		cmocka_unit_test(leaves_the_command_line_of_a_program_alone),
	};

	argp_err_exit_status = CLI_USAGE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
