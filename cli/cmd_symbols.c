// SPDX-License-Identifier: MIT
/* hadal symbols */
#include "kernel.h"
#include "parse.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct options {
	bool info;
	struct cli_where where;
	struct cli_rest names; /* what to look up; none: all */
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
	cli_print_json(object);
}

static void print_symbol(struct hadal_symbol *symbol, uint64_t address, bool json)
{
	uint64_t offset = address - symbol->address;
	struct json_object *object;

	if (!json) {
		cli_make_printable(symbol->name);
		printf("%016" PRIx64 " %c %s", address, symbol->type, symbol->name);
		if (offset)
			printf("+%#" PRIx64, offset);
		putchar('\n');
		return;
	}
	object = json_object_new_object();
	cli_json_hex(object, "address", symbol->address);
	json_object_object_add(object, "type", json_object_new_string_len(&symbol->type, 1));
	json_object_object_add(object, "name", text_json(symbol->name, strlen(symbol->name)));
	if (offset)
		cli_json_hex(object, "offset", offset);
	cli_print_json(object);
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

	for (int i = 0; i < options->names.count; i++) {
		if (print_matches(symbols, options->names.items[i], options->where.json))
			continue;
		hadal_fail(&error, ENOENT, "This kernel has no symbol %s", options->names.items[i]);
		result = cli_fail(&error);
	}
	if (options->names.count)
		return result;
	for (size_t i = 0; !hadal_kallsyms_get(symbols, i, &symbol); i++)
		print_symbol(&symbol, symbol.address, options->where.json);
	return CLI_OK;
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_kallsyms *symbols;
	struct cli_kernel source;
	struct hadal_error error;
	int result = CLI_OK;

	if (!cli_kernel_open(&source, options->where.image))
		return CLI_FAILURE;
	symbols = hadal_kernel_symbols(source.kernel, &error);
	if (!symbols)
		result = cli_fail(&error);
	else if (!options->info)
		result = print_symbols(symbols, options);
	else if (options->where.json)
		print_kernel_json(hadal_kernel_info(source.kernel), hadal_kallsyms_count(symbols));
	else
		print_kernel(hadal_kernel_info(source.kernel), hadal_kallsyms_count(symbols));
	cli_kernel_close(&source);
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('i', "info",
			"Print the kernel's version and where it lies instead of symbols", info),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_OPTIONAL("NAME|ADDRESS", CLI_REST, names), {0}};

const struct cli_command command_symbols = {
	.name = "symbols",
	.alias = "syms",
	.group = CLI_GROUP_KERNEL,
	.summary = "print kernel symbols, its version and its place",
	.about = "Print the kernel's symbols as found in its memory: all of them as "
		 "/proc/kallsyms does for root, or those with the names given, or the ones "
		 "that addresses belong to.",
	.more = "With --json, one object a line.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.run = run,
};
