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

struct row {
	struct search_place place;
	const char *encoding, *text;
};

static void print_line(const void *record, void *ctx)
{
	const struct row *row = record;

	search_print_place(ctx, &row->place);
	printf("  %s\n", row->text);
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	SEARCH_COLUMNS,
	{"encoding", "ENCODING", -8, CLI_COLUMN_STRING, AT(encoding), "`ascii` or `utf16`"},
	{"text", "TEXT", 0, CLI_COLUMN_STRING, AT(text), "its characters"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "string", .columns = columns, .print = print_line};

/* Where strings are looked for, and what prints them. */
struct printing {
	struct search search;
	struct cli_printer printer;
};

static int print_string(void *ctx, const struct hadal_string *string)
{
	struct printing *printing = ctx;
	struct row row = {.encoding = string->utf16 ? "utf16" : "ascii", .text = string->text};

	search_place(&printing->search, string->address, &row.place);
	cli_printer_print(&printing->printer, &row);
	return search_count(&printing->search);
}

static int scan(void *ctx, const struct hadal_block *block)
{
	return hadal_strings_scan(ctx, block);
}

static void progress(void *ctx, uint64_t done)
{
	struct hadal_strings *strings = ctx;
	struct printing *printing = strings->ctx;

	progress_update(&printing->search.progress, done);
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
	struct printing printing;
	struct search *search = &printing.search;
	const struct options *options = data;
	struct hadal_strings strings = {
		.least = options->least,
		.ascii = options->encoding != UTF16,
		.utf16 = options->encoding != ASCII,
		.visit = print_string,
		.ctx = &printing,
	};
	struct hadal_scanner scanner = {
		.scan = scan,
		.progress = progress,
		.ctx = &strings,
	};
	int result;

	if (!search_open(search, &options->search))
		return CLI_FAILURE;
	cli_printer_begin(&printing.printer, &kind, &options->search.where, NULL, search);
	scanner.buffer = search->buffer;
	result = search_end(search, hadal_scan(&search->area, &scanner));
	search_close(search);
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER('n', "bytes", "LENGTH",
			  "Print strings of at least LENGTH characters (default: 4)", least, 1,
			  HADAL_STRING_MAX),
	CLI_OPTION_WORD('e', "encoding", "ENCODING", "ascii (default), utf16 (UTF-16LE) or all",
			encoding, "ascii|utf16|all"),
	SEARCH_OPTIONS,
	{0},
};

const struct cli_command command_strings = {
	.name = "strings",
	.group = CLI_GROUP_MEMORY,
	.summary = "print the strings in memory",
	.about = "Print the strings in physical memory, in a process's or in the kernel's, "
		 "each with its address, and the physical one where that differs.",
	.more = "Strings are printable characters of ASCII; those longer than 4096 come in "
		"pieces. Pages that only this command writes are left out; what it prints "
		"may be found again in the pipe or the file that it is printed to.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(search.where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
