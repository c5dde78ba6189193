// SPDX-License-Identifier: MIT
/* hadal symbols */
#include "kernel.h"
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_KERNEL = 'k',
};

struct options {
	bool kernel;
	struct cli_view view;
	char **names; /* what to look up; none: all */
	int name_count;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	(void)text;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case KEY_KERNEL:
		options->kernel = true;
		return 0;
	case ARGP_KEY_ARGS:
		options->names = state->argv + state->next;
		options->name_count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"kernel", KEY_KERNEL, NULL, 0,
			 "Print the kernel's version and where it lies instead of symbols", 0},
			{0},
		},
	.parser = parse,
	.children = cli_view_options,
	.args_doc = "[NAME|0xADDRESS]...",
	.doc = "Print the kernel's symbols as found in its memory: all of them as /proc/kallsyms "
	       "does for root, or those with the names given, or the ones that addresses belong "
	       "to.\vWith --json, one object a line.",
};

static void print_kernel(const struct hadal_kernel_info *info, size_t symbols)
{
	printf("version     %s\n", info->banner);
	printf("build id    %s\n", info->build_id[0] ? info->build_id : "-");
	printf("base        %#" PRIx64 "\n", info->where.base);
	printf("slide       %#" PRIx64 "\n", (uint64_t)info->slide);
	printf("physical    %#" PRIx64 "\n", info->where.physical);
	printf("page tables %#" PRIx64 ", %u levels\n", info->where.root, info->where.levels);
	printf("symbols     %zu\n", symbols);
	printf("vmcoreinfo  %s\n", info->vmcoreinfo_agrees ? "agrees" : "not found or different");
}

static void print_kernel_json(const struct hadal_kernel_info *info, size_t symbols)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "release", json_object_new_string(info->release));
	json_object_object_add(object, "version", json_object_new_string(info->banner));
	json_object_object_add(object, "build_id", json_object_new_string(info->build_id));
	cli_json_hex(object, "base", info->where.base);
	cli_json_hex(object, "slide", info->slide);
	cli_json_hex(object, "physical", info->where.physical);
	cli_json_hex(object, "root", info->where.root);
	json_object_object_add(object, "levels", json_object_new_int(info->where.levels));
	json_object_object_add(object, "symbols", json_object_new_uint64(symbols));
	json_object_object_add(object, "vmcoreinfo_agrees",
			       json_object_new_boolean(info->vmcoreinfo_agrees));
	cli_print_json_line(object);
}

static void print_symbol(struct hadal_symbol *symbol, uint64_t address, bool json)
{
	uint64_t offset = address - symbol->address;
	struct json_object *object;

	cli_make_printable(symbol->name);
	if (!json) {
		printf("%016" PRIx64 " %c %s", address, symbol->type, symbol->name);
		if (offset)
			printf("+%#" PRIx64, offset);
		putchar('\n');
		return;
	}
	object = json_object_new_object();
	cli_json_hex(object, "address", symbol->address);
	json_object_object_add(object, "type", json_object_new_string_len(&symbol->type, 1));
	json_object_object_add(object, "name", json_object_new_string(symbol->name));
	if (offset)
		cli_json_hex(object, "offset", offset);
	cli_print_json_line(object);
}

/* Prints all symbols with that name, or the one that the address belongs to; false if none. */
static bool print_matches(struct hadal_kallsyms *symbols, const char *text, bool json)
{
	struct hadal_symbol symbol;
	bool found = false;
	uint64_t address;

	if (!strncmp(text, "0x", 2) && !parse_number(text, &address)) {
		ssize_t index = hadal_kallsyms_nearest(symbols, address);

		if (index < 0 || hadal_kallsyms_get(symbols, index, &symbol))
			return false;
		print_symbol(&symbol, address, json);
		return true;
	}
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++) {
		if (strcmp(symbol.name, text))
			continue;
		print_symbol(&symbol, symbol.address, json);
		found = true;
	}
	return found;
}

static int print_symbols(struct hadal_kallsyms *symbols, const struct options *options)
{
	struct hadal_symbol symbol;
	struct hadal_error error;
	int result = CLI_OK;

	for (int i = 0; i < options->name_count; i++) {
		if (print_matches(symbols, options->names[i], options->view.json))
			continue;
		hadal_fail(&error, ENOENT, "This kernel has no symbol %s", options->names[i]);
		result = cli_fail(&error);
	}
	if (options->name_count)
		return result;
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++)
		print_symbol(&symbol, symbol.address, options->view.json);
	return CLI_OK;
}

int cmd_symbols(int argc, char **argv)
{
	struct options options = {0};
	struct hadal_kallsyms *symbols;
	struct cli_kernel source;
	struct hadal_error error;
	int result = CLI_OK;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!cli_kernel_open(&source, options.view.image))
		return CLI_FAILURE;
	symbols = hadal_kernel_symbols(source.kernel, &error);
	if (!symbols)
		result = cli_fail(&error);
	else if (!options.kernel)
		result = print_symbols(symbols, &options);
	else if (options.view.json)
		print_kernel_json(hadal_kernel_info(source.kernel), hadal_kallsyms_count(symbols));
	else
		print_kernel(hadal_kernel_info(source.kernel), hadal_kallsyms_count(symbols));
	cli_kernel_close(&source);
	return result;
}
