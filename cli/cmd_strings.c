// SPDX-License-Identifier: MIT
/* hadal strings */
#include "search.h"
#include "search/strings.h"

#include <string.h>

enum encoding { ASCII, UTF16, ALL };

struct options {
	struct search_options search;
	uint64_t least;
	int encoding; /* enum encoding */
};

static int print_string(void *ctx, const struct hadal_string *string)
{
	struct search *search = ctx;
	struct json_object *object;

	if (search->options->where.json) {
		object = search_json_place(search, string->address);
		json_object_object_add(object, "encoding",
				       json_object_new_string(string->utf16 ? "utf16" : "ascii"));
		json_object_object_add(object, "text",
				       json_object_new_string_len(string->text, string->len));
		cli_print_json(object);
	} else {
		search_print_place(search, string->address);
		printf("  %s\n", string->text);
	}
	return search_count(search);
}

static int scan(void *ctx, const struct hadal_block *block)
{
	return hadal_strings_scan(ctx, block);
}

static void progress(void *ctx, uint64_t done)
{
	struct hadal_strings *strings = ctx;
	struct search *search = strings->ctx;

	progress_update(&search->progress, done);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->least = 4;
}

static const char *check(void *data)
{
	const struct options *options = data;

	return search_check(&options->search);
}

static int run(void *data)
{
	struct search search;
	const struct options *options = data;
	struct hadal_strings strings = {
		.least = options->least,
		.ascii = options->encoding != UTF16,
		.utf16 = options->encoding != ASCII,
		.visit = print_string,
		.ctx = &search,
	};
	struct hadal_scanner scanner = {
		.scan = scan,
		.progress = progress,
		.ctx = &strings,
	};
	int result;

	if (!search_open(&search, &options->search))
		return CLI_FAILURE;
	scanner.buffer = search.buffer;
	result = search_end(&search, hadal_scan(&search.area, &scanner));
	search_close(&search);
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER('n', "bytes", "LENGTH",
			  "Only strings of at least so many characters (default: 4)", least, 1,
			  HADAL_STRING_MAX),
	CLI_OPTION_WORD('e', "encoding", "ENCODING", "ascii (default), utf16 for UTF-16LE, or all",
			encoding, "ascii|utf16|all"),
	SEARCH_OPTIONS,
	{0},
};

const struct cli_command command_strings = {
	.name = "strings",
	.group = CLI_GROUP_MEMORY,
	.summary = "print the strings in memory",
	.about = "Print the strings in physical memory, in a process's or in the kernel's, "
		 "each with its address, and the physical address if that is another.",
	.more = "Strings are printable characters of ASCII; those longer than 4096 come in "
		"pieces. Pages that only this command writes are left out; what it prints "
		"may be found again in the pipe or the file that it is printed to. With "
		"--json, one object a line.",
	.options = options_table,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(search.where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
