// SPDX-License-Identifier: MIT
/* hadal find */
#include "parse.h"
#include "search.h"
#include "search/find.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_MAX (64u << 10)
/* Of what matches a regular expression, that much is shown. */
#define MATCH_MAX 256

enum kind { KIND_HEX, KIND_TEXT, KIND_UTF16, KIND_U32, KIND_U64, KIND_REGEX };

struct options {
	struct search_options search;
	int kind; /* enum kind */
	const char *text;
	bool ignore_case;
	bool count;
	uint64_t context; /* bytes */
};

struct finding {
	const struct options *options;
	struct search *search;
	struct cli_printer printer;
};

/* A hit. */
struct row {
	struct search_place place;
	uint64_t length;
	struct cli_bytes data;
	uint8_t bytes[MATCH_MAX];
};

/* From as far before a hit as can be read. */
static void print_context(const struct finding *finding, uint64_t address, size_t len)
{
	const struct hadal_area *area = &finding->search->area;
	uint64_t around = finding->options->context;
	uint64_t start = (address < around ? 0 : address - around) & ~15ull;
	uint64_t page = address & ~(HADAL_PAGE_SIZE - 1ull);
	uint64_t end = address + len + around;
	uint8_t *bytes = end < start ? NULL : malloc(end - start);
	ssize_t got;

	if (!bytes)
		return;
	while (start < page &&
	       hadal_area_read(area, start, bytes, page - start) != (ssize_t)(page - start))
		start = (start & ~(HADAL_PAGE_SIZE - 1ull)) + HADAL_PAGE_SIZE;
	got = hadal_area_read(area, start, bytes, end - start);
	if (got > 0)
		print_hex(stdout, start, bytes, got);
	free(bytes);
}

static void print_hit(const void *record, void *ctx)
{
	const struct finding *finding = ctx;
	const struct row *row = record;
	char match[4 * MATCH_MAX];

	search_print_place(finding->search, &row->place);
	if (finding->options->kind == KIND_REGEX)
		printf("  %s", text_for_terminal((const char *)row->bytes, row->data.len, match,
						 sizeof(match)));
	putchar('\n');
	if (finding->options->context)
		print_context(finding, row->place.address, row->length);
}

static void print_number(const void *record, void *ctx)
{
	(void)ctx;
	printf("%" PRIu64 "\n", *(const uint64_t *)record);
}

static const struct cli_column count_columns[] = {
	{"count", NULL, 10, CLI_COLUMN_U64, 0, NULL, NULL, "how many there are"}, {0}};

static const struct cli_record_kind count_kind = {
	.name = "number", .columns = count_columns, .print = print_number, .when = "With --count"};

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	SEARCH_COLUMNS,
	{"length", "LENGTH", 8, CLI_COLUMN_U64, AT(length), "bytes that match"},
	{"data", "DATA", 0, CLI_COLUMN_BYTES, AT(data),
	 "the first 256 of them, as they are now; fewer when they cannot be read any more"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "hit", .columns = columns, .print = print_hit, .also = &count_kind};

/* What is there may have changed since it was found. */
static int hit(void *ctx, uint64_t address, size_t len)
{
	struct finding *finding = ctx;
	struct row row = {.length = len, .data.bytes = row.bytes};
	ssize_t got;

	if (finding->options->count)
		return search_count(finding->search);
	search_place(finding->search, address, &row.place);
	got = hadal_area_read(&finding->search->area, address, row.bytes,
			      len < MATCH_MAX ? len : MATCH_MAX);
	row.data.len = got < 0 ? 0 : got;
	cli_printer_print(&finding->printer, &row);
	explicit_bzero(row.bytes, sizeof(row.bytes)); /* as search_close does, and why */
	return search_count(finding->search);
}

static void progress(void *ctx, uint64_t done)
{
	const struct finding *finding = ctx;

	progress_update(&finding->search->progress, done);
}

static int make_number(const struct options *options, struct hadal_pattern *pattern,
		       struct hadal_error *error)
{
	uint64_t value;

	if (parse_number(options->text, &value))
		return hadal_fail(error, EINVAL, "Expected a number, such as 4096 or 0x1000");
	return hadal_pattern_number(pattern, value, options->kind == KIND_U32 ? 4 : 8, error);
}

static int make_regex(const struct options *options, regex_t *regex, struct hadal_error *error)
{
	int code = regcomp(regex, options->text,
			   REG_EXTENDED | (options->ignore_case ? REG_ICASE : 0));
	char text[200];

	if (!code)
		return 0;
	regerror(code, regex, text, sizeof(text));
	return hadal_fail(error, EINVAL, "Expected an extended regular expression (%s)", text);
}

static int make_pattern(const struct options *options, struct hadal_pattern *pattern,
			regex_t *regex, struct hadal_error *error)
{
	switch (options->kind) {
	case KIND_TEXT:
		return hadal_pattern_text(pattern, options->text, options->ignore_case, error);
	case KIND_UTF16:
		return hadal_pattern_utf16(pattern, options->text, options->ignore_case, error);
	case KIND_U32:
	case KIND_U64:
		return make_number(options, pattern, error);
	case KIND_REGEX:
		return make_regex(options, regex, error);
	default:
		return hadal_pattern_hex(pattern, options->text, error);
	}
}

static int find(const struct options *options, struct hadal_finder *finder)
{
	struct search search;
	struct finding finding = {.options = options, .search = &search};
	int result;

	if (!search_open(&search, &options->search))
		return CLI_FAILURE;
	if (!options->count)
		cli_printer_begin(&finding.printer, &kind, &options->search.where, NULL, &finding);
	finder->hit = hit;
	finder->progress = progress;
	finder->ctx = &finding;
	result = search_end(&search, hadal_find(finder, &search.area, search.buffer));
	if (options->count)
		cli_print_one(&count_kind, &options->search.where, &search.found, NULL);
	search_close(&search);
	return search.found ? result : CLI_FAILURE;
}

static const char *check(void *data)
{
	const struct options *options = data;
	struct hadal_pattern pattern = {0};
	struct hadal_error error;
	regex_t regex;

	if (options->count && options->search.where.columns)
		return "--count and --columns exclude each other";
	if (make_pattern(options, &pattern, &regex, &error))
		return cli_invalid("PATTERN", options->text, &error);
	if (options->kind == KIND_REGEX)
		regfree(&regex);
	explicit_bzero(&pattern, sizeof(pattern));
	return search_check(&options->search);
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_pattern pattern = {0};
	struct hadal_finder finder = {0};
	struct hadal_error error;
	regex_t regex;
	int result;

	if (make_pattern(options, &pattern, &regex, &error))
		return cli_fail(&error);
	if (options->kind == KIND_REGEX)
		finder.regex = &regex;
	else
		finder.pattern = &pattern;
	result = find(options, &finder);
	if (options->kind == KIND_REGEX)
		regfree(&regex);
	/* Or the next search would find it in memory that is free. */
	explicit_bzero(&pattern, sizeof(pattern));
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_CHOICE(0, "text", "PATTERN is text", kind, KIND_TEXT),
	CLI_OPTION_CHOICE(0, "utf16", "PATTERN is text, in memory as UTF-16LE", kind, KIND_UTF16),
	CLI_OPTION_CHOICE(0, "u32", "PATTERN is a number of 4 bytes, aligned", kind, KIND_U32),
	CLI_OPTION_CHOICE(0, "u64", "PATTERN is a number of 8 bytes, aligned", kind, KIND_U64),
	CLI_OPTION_CHOICE(
		0, "regex",
		"PATTERN is an extended regular expression, matched with strings in ASCII", kind,
		KIND_REGEX),
	CLI_OPTION_FLAG('i', "ignore-case", "Ignore the case of the letters A to Z", ignore_case),
	CLI_OPTION_NUMBER('C', "context", "LENGTH",
			  "Print LENGTH bytes before and after each match too, as a hex dump",
			  context, 0, CONTEXT_MAX),
	CLI_OPTION_FLAG(0, "count", "Print only how many matches there are", count),
	SEARCH_OPTIONS,
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("PATTERN", CLI_TEXT, text), {0}};

const struct cli_command command_find = {
	.name = "find",
	.group = CLI_GROUP_MEMORY,
	.summary = "find bytes, text or numbers in memory",
	.about = "Find bytes in physical memory, in a process's or in the kernel's, and print "
		 "their addresses, and the physical ones where these differ.",
	.more = "PATTERN is pairs of hexadecimal digits, where ? stands for any digit:\n"
		"  hadal find 'de ad ?? ef'\n"
		"  hadal find --pid 133 --text password -C 32\n"
		"  hadal find --kernel --u64 0xffffffff82a1b2c0\n"
		"\n"
		"What lies across two pages is found when their addresses follow each other. "
		"Pages that only this command writes are left out. The exit status is 1 when "
		"nothing is found.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_WHERE,
	CLI_OPTIONS_AT(search.where),
	.check = check,
	.run = run,
};
