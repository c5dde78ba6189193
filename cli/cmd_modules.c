// SPDX-License-Identifier: MIT
/* hadal modules */
#include "kernel.h"
#include "system/module.h"

#include <inttypes.h>

static const struct argp argp = {
	.children = cli_view_options,
	.doc = "List the modules as the kernel's own memory has them, the one loaded last "
	       "first.\vWith --json, one object a line.",
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
	cli_print_json_line(object);
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

int cmd_modules(int argc, char **argv)
{
	struct cli_view view = {0};
	struct hadal_module_list list;
	struct cli_kernel source;
	struct hadal_error error;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &view);
	if (!cli_kernel_open(&source, view.image))
		return CLI_FAILURE;
	result = hadal_modules(source.kernel, &list, &error);
	if (result)
		cli_fail(&error);
	else
		print_list(&list, view.json);
	hadal_modules_free(&list);
	cli_kernel_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}
