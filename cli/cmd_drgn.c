// SPDX-License-Identifier: MIT
/* hadal drgn */
#include "cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Debian's, for which Debian's packages are. */
#define PYTHON "/usr/bin/python3"

struct options {
	const char *code;
	struct cli_rest script;
	struct cli_where where;
};

/*
 * Its arguments: a letter for each of what follows, image and code to execute, and then the
 * script's words. One sentence when something is not installed. The directory that this is called
 * in is no place for modules: anybody's files may lie there.
 */
static const char start[] = "import sys\n"
			    "sys.path.remove('')\n"
			    "try:\n"
			    "    import hadal\n"
			    "    import drgn\n"
			    "    import hadal.drgn\n"
			    "except ImportError as problem:\n"
			    "    words = f'hadal: {problem}'\n"
			    "    if problem.name in ('hadal', 'drgn'):\n"
			    "        words += f'. Install the package python3-{problem.name}'\n"
			    "    sys.exit(words)\n"
			    "given, *words = sys.argv[1:]\n"
			    "given = {letter: words.pop(0) for letter in given}\n"
			    "try:\n"
			    "    hadal.drgn.run(given.get('i'), given.get('e'), words)\n"
			    "except hadal.Error as problem:\n"
			    "    sys.exit(f'hadal: {problem}')\n";

/* Asked here, where a failure comes with the words of the other commands. */
static bool is_running(void)
{
	struct hadal_info info;
	struct hadal *hadal = cli_open_running(&info);

	hadal_close(hadal);
	return hadal;
}

static int run(void *data)
{
	const struct options *options = data;
	const char *image = options->where.image, *code = options->code;
	const char *argv[options->script.count + 7];
	int count = 0;

	if (!image && !is_running())
		return CLI_FAILURE;
	argv[count++] = PYTHON;
	argv[count++] = "-c";
	argv[count++] = start;
	argv[count++] = image && code ? "ie" : image ? "i" : code ? "e" : "";
	if (image)
		argv[count++] = image;
	if (code)
		argv[count++] = code;
	for (int i = 0; i < options->script.count; i++)
		argv[count++] = options->script.items[i];
	argv[count] = NULL;
	execv(PYTHON, (char **)argv);
	fprintf(stderr, "hadal: Cannot run " PYTHON ": %s. Install the package python3-hadal\n",
		strerror(errno));
	return CLI_FAILURE;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_TEXT('e', "exec", "CODE", "Execute CODE instead of a script", code),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_OPTIONAL("SCRIPT", CLI_REST, script),
	{0},
};

const struct cli_command command_drgn = {
	.name = "drgn",
	.group = CLI_GROUP_EVIDENCE,
	.summary = "open drgn, with the kernel's own types and no debug package",
	.about = "Open the debugger drgn on this system, or on an image of one, with the types "
		 "that the kernel itself has: no debug package is needed. Without a script it "
		 "has a prompt.",
	.more = "A script finds prog, a drgn.Program, and what follows its name as sys.argv. "
		"Debian's packages python3-hadal and python3-drgn are needed. Types have no "
		"typedefs, and few variables have one; stacks are not unwound: 'hadal stack' does "
		"that.\n"
		"\n"
		"Example: sudo hadal drgn -e 'print(prog[\"init_task\"].comm)'",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_IMAGE | CLI_TAKES_COMMAND,
	CLI_OPTIONS_AT(where),
	.run = run,
};
