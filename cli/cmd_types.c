// SPDX-License-Identifier: MIT
/* hadal types */
#include "kernel.h"
#include "system/module_types.h"
#include "types_print.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

struct options {
	bool expand;
	struct cli_where where;
	struct cli_rest names; /* names and patterns; none: all types */
};

static bool is_keyword(const char *word)
{
	return !strcmp(word, "struct") || !strcmp(word, "union") || !strcmp(word, "enum");
}

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[");
}

/* A type that can be asked for by its name. */
static bool is_listed(const struct btf_type *type)
{
	return btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type) ||
	       btf_is_func(type) || btf_is_var(type) || btf_is_int(type);
}

/*
 * Prints or lists those of the printer's types from an id on that have that name; returns how many.
 * keyword: NULL for any.
 */
static size_t print_from(struct types_printer *printer, uint32_t first, const char *keyword,
			 const char *name)
{
	const struct btf *btf = hadal_types_btf(printer->types);
	uint32_t count = btf__type_cnt(btf);
	bool pattern = is_pattern(name);
	size_t found = 0;

	for (uint32_t id = first; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *own;

		if (!type || !type->name_off || !is_listed(type) ||
		    (keyword && strcmp(keyword, types_kind(type))))
			continue;
		own = hadal_types_string(printer->types, type->name_off);
		if (pattern ? fnmatch(name, own, 0) : strcmp(name, own))
			continue;
		if (pattern)
			types_list(printer, id);
		else
			types_print(printer, id);
		found++;
	}
	return found;
}

/* What is printed, and where it is looked for. */
struct search {
	struct hadal_kernel *kernel;
	struct types_printer printer; /* with the kernel's types */
	bool modules_read;
	int modules_result; /* of reading them, with what it said */
	struct hadal_error modules_error;
	struct hadal_module_types modules;
};

static bool read_modules(struct search *search)
{
	if (!search->modules_read) {
		search->modules_result = hadal_module_types(search->kernel, &search->modules,
							    &search->modules_error);
		cli_warn_lost(search->modules.lost, "types of modules");
	}
	search->modules_read = true;
	return !search->modules_result;
}

/* The same of modules, or of that of MODULE:NAME. */
static size_t print_of_modules(struct search *search, const char *keyword, const char *name)
{
	const struct hadal_types *kernels = search->printer.types;
	const char *colon = strchr(name, ':');
	size_t found = 0;

	for (size_t i = 0; read_modules(search) && i < search->modules.count; i++) {
		const struct hadal_module_type_set *set = &search->modules.items[i];

		if (colon && (strlen(set->name) != (size_t)(colon - name) ||
			      strncmp(set->name, name, colon - name)))
			continue;
		search->printer.types = set->types;
		search->printer.module = set->name;
		found += print_from(&search->printer, hadal_types_first(set->types), keyword,
				    colon ? colon + 1 : name);
	}
	search->printer.types = kernels;
	search->printer.module = NULL;
	return found;
}

/* A name is the kernel's or else of modules, a pattern of both; returns how many have it. */
static size_t print_matches(struct search *search, const char *keyword, const char *name)
{
	size_t found = 0;

	if (!strchr(name, ':'))
		found = print_from(&search->printer, 1, keyword, name);
	if (!found || is_pattern(name))
		found += print_of_modules(search, keyword, name);
	return found;
}

/* Each name that there is not is said. */
static int print_types(struct search *search, const struct options *options)
{
	struct hadal_error error;
	int result = CLI_OK;

	if (!options->names.count)
		print_matches(search, NULL, "*");
	/* A kernel that knows of no types of modules has none. */
	if (!options->names.count && search->modules_result && search->modules_result != -ENOENT)
		result = cli_fail(&search->modules_error);
	for (int i = 0; i < options->names.count; i++) {
		const char *keyword = NULL, *more = NULL;

		if (is_keyword(options->names.items[i]) && i + 1 < options->names.count)
			keyword = options->names.items[i++];
		if (print_matches(search, keyword, options->names.items[i]))
			continue;
		if (search->modules_result)
			more = search->modules_error.text;
		hadal_fail(&error, ENOENT, "This kernel has no type %s%s%s%s%s",
			   keyword ? keyword : "", keyword ? " " : "", options->names.items[i],
			   more ? ". " : "", more ? more : "");
		result = cli_fail(&error);
	}
	return result;
}

static int print_all(struct hadal_kernel *kernel, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct search search = {
		.kernel = kernel,
		.printer = {.types = hadal_kernel_types(kernel, error), .expand = options->expand},
	};
	int result;

	if (!search.printer.types)
		return -ENOENT;
	cli_printer_begin(&search.printer.records, &types_record_kind, &options->where, NULL,
			  &search.printer);
	result = print_types(&search, options);
	hadal_module_types_free(&search.modules);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, print_all, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('E', "expand", "Print the members of the structures that are members too",
			expand),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_OPTIONAL("NAME|PATTERN", CLI_REST, names), {0}};

const struct cli_command command_types = {
	.name = "types",
	.group = CLI_GROUP_KERNEL,
	.summary = "print the kernel's types with offsets and sizes",
	.about = "Print the kernel's types as its own type information (BTF) has them in "
		 "memory: structures with the offset and size of each member, enums, "
		 "typedefs, and the prototypes of functions.",
	.more = "One of the words struct, union and enum may stand before NAME. PATTERN, with * ? "
		"and [] as in the shell, lists names and sizes, of modules too; without an "
		"argument "
		"all are listed. A name that the kernel has not is looked for in its modules; "
		"MODULE:NAME says in which.",
	.options = options_table,
	.arguments = arguments,
	.records = &types_record_kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.run = run,
};
