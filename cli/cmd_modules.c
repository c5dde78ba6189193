// SPDX-License-Identifier: MIT
/* hadal modules */
#include "kernel.h"
#include "system/module.h"

#include <inttypes.h>

struct options {
	struct cli_where where;
};

static void print_json(const struct hadal_module *module)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_object_new_string(module->name));
	cli_json_hex(object, "base", module->base);
	json_object_object_add(object, "size", json_object_new_uint64(module->size));
	json_object_object_add(object, "references", json_object_new_int(module->references));
	json_object_object_add(object, "state",
			       json_object_new_string(hadal_module_state_name(module->state)));
	cli_json_hex(object, "module", module->address);
	cli_print_json(object);
}

static void print_list(struct hadal_module_list *list, bool json)
{
	if (!json)
		printf("%-24s %10s %5s %-9s BASE\n", "NAME", "SIZE", "REFS", "STATE");
	for (size_t i = 0; i < list->count; i++) {
		struct hadal_module *module = &list->items[i];

		cli_make_printable(module->name);
		if (json)
			print_json(module);
		else
			printf("%-24s %10" PRIu64 " %5" PRId32 " %-9s %#" PRIx64 "\n", module->name,
			       module->size, module->references,
			       hadal_module_state_name(module->state), module->base);
	}
	cli_warn_lost(list->lost, "modules");
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_module_list list;
	struct cli_kernel source;
	struct hadal_error error;
	int result;

	if (!cli_kernel_open(&source, options->where.image))
		return CLI_FAILURE;
	result = hadal_modules(source.kernel, &list, &error);
	if (result)
		cli_fail(&error);
	else
		print_list(&list, options->where.json);
	hadal_modules_free(&list);
	cli_kernel_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}

const struct cli_command command_modules = {
	.name = "modules",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list kernel modules from its memory",
	.about = "List the modules as the kernel's own memory has them, the one loaded last "
		 "first.",
	.more = "With --json, one object a line.",
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.run = run,
};
