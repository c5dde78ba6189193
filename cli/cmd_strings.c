// SPDX-License-Identifier: MIT
/* hadal strings */
#include "search.h"
#include "search/strings.h"

#include <string.h>

struct options {
	struct search_options search;
	struct hadal_strings *strings;
};

static void parse_encoding(struct argp_state *state, const char *text,
			   struct hadal_strings *strings)
{
	strings->ascii = !strcmp(text, "ascii") || !strcmp(text, "all");
	strings->utf16 = !strcmp(text, "utf16") || !strcmp(text, "all");
	if (!strings->ascii && !strings->utf16)
		argp_error(state, "ENCODING is ascii, utf16 or all, and not '%s'", text);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;
	uint64_t least;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->search;
		return 0;
	case 'n':
		least = cli_argument(state, "LENGTH", text);
		if (least < 1 || least > HADAL_STRING_MAX)
			argp_error(state, "LENGTH is from 1 to %u", HADAL_STRING_MAX);
		options->strings->least = least;
		return 0;
	case 'e':
		parse_encoding(state, text, options->strings);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"bytes", 'n', "LENGTH", 0,
			 "Only strings of so many characters (default: 4)", 0},
			{"encoding", 'e', "ENCODING", 0,
			 "ascii (default), utf16 for UTF-16LE, or all", 0},
			{0},
		},
	.parser = parse,
	.children = search_options,
	.doc = "Print the strings in physical memory, in a process's or in the kernel's, each with "
	       "its address, and the physical address if that is another.\v"
	       "Strings are printable characters of ASCII; those longer than 4096 come in pieces. "
	       "Pages that only this command writes are left out; what it prints may be found "
	       "again "
	       "in the pipe or the file that it is printed to. With --json, one object a line.",
};

static int print_string(void *ctx, const struct hadal_string *string)
{
	struct search *search = ctx;
	struct json_object *object;

	if (search->options->target.view.json) {
		object = search_json_place(search, string->address);
		json_object_object_add(object, "encoding",
				       json_object_new_string(string->utf16 ? "utf16" : "ascii"));
		json_object_object_add(object, "text",
				       json_object_new_string_len(string->text, string->len));
		cli_print_json_line(object);
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

int cmd_strings(int argc, char **argv)
{
	struct search search;
	struct hadal_strings strings = {
		.least = 4,
		.ascii = true,
		.visit = print_string,
		.ctx = &search,
	};
	struct options options = {
		.search.target.kind = CLI_TARGET_PHYSICAL,
		.strings = &strings,
	};
	struct hadal_scanner scanner = {
		.scan = scan,
		.progress = progress,
		.ctx = &strings,
	};
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!search_open(&search, &options.search))
		return CLI_FAILURE;
	scanner.buffer = search.buffer;
	result = search_end(&search, hadal_scan(&search.area, &scanner));
	search_close(&search);
	return result;
}
