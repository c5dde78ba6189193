// SPDX-License-Identifier: MIT
/* hadal symbols */
#include "kernel.h"
#include "parse.h"
#include "system/module_symbols.h"
#include "system/symbolize.h"
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

/* What is printed, and where it is looked for. */
struct search {
	struct hadal_kernel *kernel;
	struct hadal_kallsyms *symbols;
	struct hadal_symbolizer *symbolizer;
	bool json;
};

/* module: NULL for the kernel's own. */
static void print_symbol(struct hadal_symbol *symbol, const char *module, uint64_t address,
			 bool json)
{
	uint64_t offset = address - symbol->address;
	struct json_object *object;

	if (!json) {
		cli_make_printable(symbol->name);
		printf("%016" PRIx64 " %c %s", address, symbol->type, symbol->name);
		if (offset)
			printf("+%#" PRIx64, offset);
		if (module)
			printf("\t[%s]", module);
		putchar('\n');
		return;
	}
	object = json_object_new_object();
	cli_json_hex(object, "address", symbol->address);
	json_object_object_add(object, "type", json_object_new_string_len(&symbol->type, 1));
	json_object_object_add(object, "name", text_json(symbol->name, strlen(symbol->name)));
	if (offset)
		cli_json_hex(object, "offset", offset);
	if (module)
		json_object_object_add(object, "module", text_json(module, strlen(module)));
	cli_print_json(object);
}

/* Prints the symbols of a module, or only those with a name. Returns how many these are. */
static size_t print_module(const struct search *search, const struct hadal_module *module,
			   const char *name)
{
	struct hadal_module_symbols symbols;
	struct hadal_symbol symbol;
	struct hadal_error error;
	size_t shown = 0;

	if (hadal_module_symbols(search->kernel, module, &symbols, &error)) {
		cli_fail(&error);
		cli_warn_lost(1, "symbols of modules");
	}
	for (size_t i = 0; i < symbols.count; i++) {
		if (name && strcmp(symbols.items[i].name, name))
			continue;
		symbol.address = symbols.items[i].address;
		symbol.type = symbols.items[i].type;
		snprintf(symbol.name, sizeof(symbol.name), "%s", symbols.items[i].name);
		print_symbol(&symbol, module->name, symbol.address, search->json);
		shown++;
	}
	cli_warn_lost(symbols.lost, "symbols of modules");
	hadal_module_symbols_free(&symbols);
	return shown;
}

/* Prints all symbols of kernel and modules, or only those with a name. Returns how many. */
static size_t print_all(const struct search *search, const char *name)
{
	const struct hadal_module_list *modules = hadal_symbolizer_modules(search->symbolizer);
	struct hadal_symbol symbol;
	size_t shown = 0;

	for (size_t i = 0; !hadal_kallsyms_get(search->symbols, i, &symbol); i++) {
		if (name && strcmp(symbol.name, name))
			continue;
		print_symbol(&symbol, NULL, symbol.address, search->json);
		shown++;
	}
	for (size_t i = 0; i < modules->count; i++)
		shown += print_module(search, &modules->items[i], name);
	cli_warn_lost(modules->lost, "modules");
	return shown;
}

static int print_address(const struct search *search, uint64_t address, struct hadal_error *error)
{
	struct hadal_symbol_place place;

	if (!hadal_symbol_at(search->symbolizer, address, &place))
		return hadal_fail(error, ENOENT,
				  "The address %#" PRIx64
				  " belongs to no symbol of the kernel or its modules",
				  address);
	print_symbol(&place.symbol, place.module ? place.module->name : NULL, address,
		     search->json);
	return 0;
}

static int print_one(const struct search *search, const char *name, struct hadal_error *error)
{
	uint64_t address;

	if (!strncmp(name, "0x", 2) && !parse_number(name, &address))
		return print_address(search, address, error);
	return print_all(search, name)
		       ? 0
		       : hadal_fail(error, ENOENT, "This kernel has no symbol %s", name);
}

/* The last failure is what the caller says; those before it are said here. */
static int print_those(const struct search *search, const struct cli_rest *names,
		       struct hadal_error *error)
{
	struct hadal_error failure;
	int result = 0;

	for (int i = 0; i < names->count; i++) {
		int failed = print_one(search, names->items[i], &failure);

		if (!failed)
			continue;
		if (result)
			cli_fail(error);
		*error = failure;
		result = failed;
	}
	return result;
}

static int print_symbols(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct search search = {.kernel = kernel, .json = options->where.json};
	int result = 0;

	search.symbols = hadal_kernel_symbols(kernel, error);
	if (!search.symbols)
		return -ENOENT;
	if (options->info) {
		(search.json ? print_kernel_json : print_kernel)(
			hadal_kernel_info(kernel), hadal_kallsyms_count(search.symbols));
		return 0;
	}
	search.symbolizer = hadal_symbolizer_new(kernel, error);
	if (!search.symbolizer)
		return -ENOENT;
	if (options->names.count)
		result = print_those(&search, &options->names, error);
	else
		print_all(&search, NULL);
	hadal_symbolizer_free(search.symbolizer);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, print_symbols, options);
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
	.about = "Print the symbols of the kernel and its modules as found in its memory: all of "
		 "them as /proc/kallsyms does for root, or those with the names given, or the "
		 "ones that addresses belong to.",
	.more = "With --json, one object a line.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.run = run,
};
