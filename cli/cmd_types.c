// SPDX-License-Identifier: MIT
/* hadal types */
#include "kernel.h"
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

/* Prints or lists all types with that name; returns how many. keyword: NULL for any. */
static size_t print_matches(struct types_printer *printer, const char *keyword, const char *name)
{
	const struct btf *btf = hadal_types_btf(printer->types);
	uint32_t count = btf__type_cnt(btf);
	bool pattern = is_pattern(name);
	size_t found = 0;

	for (uint32_t id = 1; id < count; id++) {
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

/* Each name that there is not is said. */
static int print_types(struct types_printer *printer, const struct options *options)
{
	struct hadal_error error;
	int result = CLI_OK;

	if (!options->names.count)
		print_matches(printer, NULL, "*");
	for (int i = 0; i < options->names.count; i++) {
		const char *keyword = NULL;

		if (is_keyword(options->names.items[i]) && i + 1 < options->names.count)
			keyword = options->names.items[i++];
		if (print_matches(printer, keyword, options->names.items[i]))
			continue;
		hadal_fail(&error, ENOENT, "This kernel has no type %s%s%s", keyword ? keyword : "",
			   keyword ? " " : "", options->names.items[i]);
		result = cli_fail(&error);
	}
	return result;
}

static int print_all(struct hadal_kernel *kernel, void *data, struct hadal_error *error)
{
	const struct options *options = data;
	struct types_printer printer = {
		.types = hadal_kernel_types(kernel, error),
		.expand = options->expand,
	};

	if (!printer.types)
		return -ENOENT;
	cli_printer_begin(&printer.records, &types_record_kind, &options->where, NULL, &printer);
	return print_types(&printer, options);
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, print_all, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('E', "expand", "Also show the members of the structures that are members",
			expand),
	{0},
};

static const struct cli_argument arguments[] = {
	CLI_ARGUMENT_OPTIONAL("NAME|PATTERN", CLI_REST, names), {0}};

const struct cli_command command_types = {
	.name = "types",
	.group = CLI_GROUP_KERNEL,
	.summary = "print kernel types with offsets and sizes",
	.about = "Print the kernel's types as its own type information (BTF) has them in "
		 "memory: structures with the offset and size of each member, enums, "
		 "typedefs, and the prototypes of functions.",
	.more = "NAME may follow one of the words struct, union and enum. A PATTERN as the "
		"shell's, or nothing, lists names and sizes.",
	.options = options_table,
	.arguments = arguments,
	.records = &types_record_kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.run = run,
};
