// SPDX-License-Identifier: MIT
/* hadal modules */
#include "kernel.h"
#include "record.h"
#include "system/module.h"

struct options {
	struct cli_where where;
};

static bool make_state(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_module *module = record;

	(void)ctx;
	snprintf(text, size, "%s", hadal_module_state_name(module->state));
	return true;
}

#define AT(member) offsetof(struct hadal_module, member), NULL, NULL

static const struct cli_column columns[] = {
	{"name", "NAME", -24, CLI_COLUMN_TEXT, AT(name), "name"},
	{"size", "SIZE", 10, CLI_COLUMN_U64, AT(size), "bytes, as in /proc/modules"},
	{"references", "REFS", 5, CLI_COLUMN_I32, AT(references), "who uses it"},
	{"state", "STATE", -9, CLI_COLUMN_MADE, 0, make_state, NULL,
	 "`Live`, `Loading`, `Unloading` or `Unformed`"},
	{"base", "BASE", -18, CLI_COLUMN_HEX, AT(base), "where its text begins"},
	{"module", NULL, 18, CLI_COLUMN_HEX, AT(address), "its struct module"},
	{0},
};

static const struct cli_record_kind kind = {.name = "module", .columns = columns};

static void print_list(const struct options *options, const struct hadal_module_list *list)
{
	struct cli_printer printer;

	cli_printer_begin(&printer, &kind, &options->where, NULL, NULL);
	for (size_t i = 0; i < list->count; i++)
		cli_printer_print(&printer, &list->items[i]);
	cli_warn_lost(list->lost, "modules");
}

static int list_modules(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct hadal_module_list list;
	int result = hadal_modules(kernel, &list, error);

	if (!result)
		print_list(options, &list);
	hadal_modules_free(&list);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_modules, options);
}

const struct cli_command command_modules = {
	.name = "modules",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the kernel's modules",
	.about = "List the modules as the kernel's own memory has them, the one loaded last "
		 "first.",
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.run = run,
};
