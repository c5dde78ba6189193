// SPDX-License-Identifier: MIT
/* hadal symbols */
#include "kernel.h"
#include "parse.h"
#include "record.h"
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

/* The kernel as a whole. */
struct kernel_row {
	const char *release, *version, *build_id;
	uint64_t base, slide, physical, root, symbols;
	uint32_t levels;
	bool vmcoreinfo_agrees;
};

static void print_kernel(const void *record, void *ctx)
{
	const struct kernel_row *row = record;
	char text[2048];

	(void)ctx;
	printf("version     %s\n",
	       text_for_terminal(row->version, strlen(row->version), text, sizeof(text)));
	printf("build id    %s\n", *row->build_id ? row->build_id : "-");
	printf("base        %#" PRIx64 "\n", row->base);
	printf("slide       %#" PRIx64 "\n", row->slide);
	printf("physical    %#" PRIx64 "\n", row->physical);
	printf("page tables %#" PRIx64 ", %u levels\n", row->root, row->levels);
	printf("symbols     %" PRIu64 "\n", row->symbols);
	printf("vmcoreinfo  %s\n", row->vmcoreinfo_agrees ? "agrees" : "not found or different");
}

#define AT(member) offsetof(struct kernel_row, member), NULL, NULL

static const struct cli_column kernel_columns[] = {
	{"release", NULL, -24, CLI_COLUMN_STRING, AT(release), "as uname -r"},
	{"version", NULL, 0, CLI_COLUMN_STRING, AT(version), "as /proc/version"},
	{"build_id", NULL, -40, CLI_COLUMN_STRING, AT(build_id), "of the build; empty: unknown"},
	{"base", NULL, 18, CLI_COLUMN_HEX, AT(base), "virtual address of its image"},
	{"slide", NULL, 18, CLI_COLUMN_HEX, AT(slide), "KASLR: how far from where it was linked"},
	{"physical", NULL, 18, CLI_COLUMN_HEX, AT(physical), "physical address of its image"},
	{"root", NULL, 18, CLI_COLUMN_HEX, AT(root), "physical address of its page tables"},
	{"levels", NULL, 1, CLI_COLUMN_U32, AT(levels), "of them: 4 or 5"},
	{"symbols", NULL, 8, CLI_COLUMN_U64, AT(symbols), "how many it has, without modules"},
	{"vmcoreinfo_agrees", NULL, 3, CLI_COLUMN_BOOL, AT(vmcoreinfo_agrees),
	 "its VMCOREINFO says the same"},
	{0},
};
#undef AT

static const struct cli_record_kind kernel_kind = {
	.name = "kernel", .columns = kernel_columns, .print = print_kernel, .when = "With --info"};

static void print_info(const struct options *options, const struct hadal_kernel_info *info,
		       size_t symbols)
{
	const struct kernel_row row = {
		.release = info->release,
		.version = info->banner,
		.build_id = info->build_id,
		.base = info->where.base,
		.slide = info->slide,
		.physical = info->where.physical,
		.root = info->where.root,
		.symbols = symbols,
		.levels = info->where.levels,
		.vmcoreinfo_agrees = info->vmcoreinfo_agrees,
	};

	cli_print_one(&kernel_kind, &options->where, &row, NULL);
}

/* A symbol, and how far behind it the address is that was asked for. */
struct row {
	uint64_t address, distance;
	const uint64_t *offset; /* NULL: 0 */
	char type;
	const char *name, *module; /* module: NULL for the kernel's own */
};

static void print_line(const void *record, void *ctx)
{
	const struct row *row = record;
	char text[4 * HADAL_SYMBOL_NAME_MAX];

	(void)ctx;
	printf("%016" PRIx64 " %c %s", row->address + row->distance, row->type,
	       text_for_terminal(row->name, strlen(row->name), text, sizeof(text)));
	if (row->offset)
		printf("+%#" PRIx64, row->distance);
	if (row->module)
		printf("\t[%s]",
		       text_for_terminal(row->module, strlen(row->module), text, sizeof(text)));
	putchar('\n');
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"address", "ADDRESS", 18, CLI_COLUMN_HEX, AT(address), "where the symbol begins"},
	{"type", "T", 1, CLI_COLUMN_CHAR, AT(type), "as nm and /proc/kallsyms tell it"},
	{"name", "NAME", -32, CLI_COLUMN_STRING, AT(name), "its name"},
	{"offset", "OFFSET", 10, CLI_COLUMN_HEX_MAYBE, AT(offset),
	 "of the address asked for in it, if that is not its beginning"},
	{"module", "MODULE", 0, CLI_COLUMN_STRING, AT(module), "the module that has it"},
	{0},
};

static const struct cli_record_kind kind = {
	.name = "symbol", .columns = columns, .print = print_line, .also = &kernel_kind};

/* Where symbols are looked for, and what prints them. */
struct search {
	struct hadal_kernel *kernel;
	struct hadal_kallsyms *symbols;
	struct hadal_symbolizer *symbolizer;
	struct cli_printer printer;
};

static void print_symbol(struct search *search, uint64_t address, char type, const char *name,
			 const char *module)
{
	const struct row row = {.address = address, .type = type, .name = name, .module = module};

	cli_printer_print(&search->printer, &row);
}

/* Prints the symbols of a module, or only those with a name. Returns how many these are. */
static size_t print_module(struct search *search, const struct hadal_module *module,
			   const char *name)
{
	struct hadal_module_symbols symbols;
	struct hadal_error error;
	size_t shown = 0;

	if (hadal_module_symbols(search->kernel, module, &symbols, &error)) {
		cli_fail(&error);
		cli_warn_lost(1, "symbols of modules");
	}
	for (size_t i = 0; i < symbols.count; i++) {
		if (name && strcmp(symbols.items[i].name, name))
			continue;
		print_symbol(search, symbols.items[i].address, symbols.items[i].type,
			     symbols.items[i].name, module->name);
		shown++;
	}
	cli_warn_lost(symbols.lost, "symbols of modules");
	hadal_module_symbols_free(&symbols);
	return shown;
}

/* Prints all symbols of kernel and modules, or only those with a name. Returns how many. */
static size_t print_all(struct search *search, const char *name)
{
	const struct hadal_module_list *modules = hadal_symbolizer_modules(search->symbolizer);
	struct hadal_symbol symbol;
	size_t shown = 0;

	for (size_t i = 0; !hadal_kallsyms_get(search->symbols, i, &symbol); i++) {
		if (name && strcmp(symbol.name, name))
			continue;
		print_symbol(search, symbol.address, symbol.type, symbol.name, NULL);
		shown++;
	}
	for (size_t i = 0; i < modules->count; i++)
		shown += print_module(search, &modules->items[i], name);
	cli_warn_lost(modules->lost, "modules");
	return shown;
}

static int print_address(struct search *search, uint64_t address, struct hadal_error *error)
{
	struct hadal_symbol_place place;
	struct row row;

	if (!hadal_symbol_at(search->symbolizer, address, &place)) {
		cli_warn_lost(hadal_symbolizer_lost(search->symbolizer),
			      "modules and their symbols");
		return hadal_fail(error, ENOENT,
				  "The address %#" PRIx64
				  " belongs to no symbol of the kernel or its modules",
				  address);
	}
	row = (struct row){
		.address = place.symbol.address,
		.distance = address - place.symbol.address,
		.type = place.symbol.type,
		.name = place.symbol.name,
		.module = place.module ? place.module->name : NULL,
	};
	row.offset = row.distance ? &row.distance : NULL;
	cli_printer_print(&search->printer, &row);
	return 0;
}

static int print_one(struct search *search, const char *name, struct hadal_error *error)
{
	uint64_t address;

	if (!strncmp(name, "0x", 2) && !parse_number(name, &address))
		return print_address(search, address, error);
	return print_all(search, name)
		       ? 0
		       : hadal_fail(error, ENOENT, "This kernel has no symbol %s", name);
}

/* The last failure is what the caller says; those before it are said here. */
static int print_those(struct search *search, const struct cli_rest *names,
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
	struct search search = {.kernel = kernel};
	int result = 0;

	search.symbols = hadal_kernel_symbols(kernel, error);
	if (!search.symbols)
		return -ENOENT;
	if (options->info) {
		print_info(options, hadal_kernel_info(kernel),
			   hadal_kallsyms_count(search.symbols));
		return 0;
	}
	search.symbolizer = hadal_symbolizer_new(kernel, error);
	if (!search.symbolizer)
		return -ENOENT;
	cli_printer_begin(&search.printer, &kind, &options->where, NULL, NULL);
	if (options->names.count)
		result = print_those(&search, &options->names, error);
	else
		print_all(&search, NULL);
	hadal_symbolizer_free(search.symbolizer);
	return result;
}

static const char *check(void *data)
{
	const struct options *options = data;

	return options->info && options->where.columns ? "--info and --columns exclude each other"
						       : NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, print_symbols, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('i', "info",
			"Print the kernel's version and where it lies, instead of symbols", info),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_OPTIONAL("NAME|ADDRESS", CLI_REST, names), {0}};

const struct cli_command command_symbols = {
	.name = "symbols",
	.alias = "syms",
	.group = CLI_GROUP_KERNEL,
	.summary = "print the kernel's symbols, its version and its place",
	.about = "Print the symbols of the kernel and its modules as found in its memory: all of "
		 "them as /proc/kallsyms does for root, those with the names given, or those that "
		 "the addresses given belong to.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
