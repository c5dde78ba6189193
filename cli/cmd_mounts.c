// SPDX-License-Identifier: MIT
/* hadal mounts */
#include "kernel.h"
#include "file/mount_namespaces.h"
#include "file/mounts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct options {
	bool all;
	struct cli_where where;
};

struct printer {
	const struct options *options;
	struct hadal_mounts *mounts;
	uint32_t namespace; /* number of the one at hand */
	size_t lost;
};

static void print_row(const struct hadal_mount *mount)
{
	char device[32], place[3 * HADAL_PATH_MAX];
	bool whole = !strcmp(mount->root, "/");
	int used;

	snprintf(device, sizeof(device), "%" PRIu32 ":%" PRIu32, mount->major, mount->minor);
	snprintf(place, sizeof(place), "%s <- %s%s%s%s", mount->path, mount->source,
		 whole ? "" : "[", whole ? "" : mount->root, whole ? "" : "]");
	used = printf("%5" PRId32 " %6" PRId32 " %7s %-8s %-23s ", mount->id, mount->parent, device,
		      mount->type, mount->options);
	cli_print_last(place, used);
}

static void add_string(struct json_object *object, const char *name, const char *text)
{
	char copy[HADAL_PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", text);
	cli_make_printable(copy);
	json_object_object_add(object, name, json_object_new_string(copy));
}

static void print_json(const struct hadal_mount *mount, uint32_t namespace)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "id", json_object_new_int(mount->id));
	json_object_object_add(object, "parent", json_object_new_int(mount->parent));
	json_object_object_add(object, "major", json_object_new_int64(mount->major));
	json_object_object_add(object, "minor", json_object_new_int64(mount->minor));
	add_string(object, "root", mount->root);
	add_string(object, "path", mount->path);
	json_object_object_add(object, "options", json_object_new_string(mount->options));
	json_object_object_add(object, "shared", json_object_new_int(mount->shared));
	json_object_object_add(object, "master", json_object_new_int(mount->master));
	json_object_object_add(object, "unbindable", json_object_new_boolean(mount->unbindable));
	add_string(object, "type", mount->type);
	add_string(object, "source", mount->source);
	json_object_object_add(object, "super_options",
			       json_object_new_string(mount->super_options));
	json_object_object_add(object, "namespace", json_object_new_int64(namespace));
	cli_json_hex(object, "mount", mount->mount);
	cli_print_json(object);
}

static int print_mount(void *ctx, const struct hadal_mount *mount)
{
	const struct printer *printer = ctx;
	struct hadal_mount printed = *mount;

	if (printer->options->where.json) {
		print_json(mount, printer->namespace);
		return 0;
	}
	cli_make_printable(printed.type);
	print_row(&printed);
	return 0;
}

static int print_namespace(struct printer *printer, const struct hadal_namespace *namespace,
			   struct hadal_error *error)
{
	printer->namespace = namespace->number;
	if (printer->options->all && !printer->options->where.json)
		printf("mount namespace %" PRIu32 ":\n", namespace->number);
	return hadal_mounts_of(printer->mounts, namespace->address, print_mount, printer,
			       &printer->lost, error);
}

static int print_all(struct printer *printer, struct hadal_kernel *kernel,
		     struct hadal_error *error)
{
	struct hadal_namespace_list list;
	int result = hadal_mount_namespaces(kernel, &list, error);

	for (size_t i = 0; !result && i < list.count; i++)
		result = print_namespace(printer, &list.items[i], error);
	printer->lost += list.lost;
	hadal_mount_namespaces_free(&list);
	return result;
}

static int print_process(struct printer *printer, struct hadal_kernel *kernel,
			 struct hadal_error *error)
{
	struct hadal_namespaces *namespaces = hadal_namespaces_open(kernel, error);
	struct hadal_process_list list = {0};
	int result = namespaces ? hadal_processes(kernel, false, &list, error) : -ENOENT;
	const struct hadal_process *process;
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS] = {0};

	process = result ? NULL : hadal_process_of(&list, printer->options->where.pid);
	if (process)
		hadal_namespaces_of(namespaces, process, found);
	if (!result && !process)
		result = hadal_fail(error, ESRCH, "There is no process %" PRIu64,
				    printer->options->where.pid);
	/* A process that has ended, and is not waited for yet, is in none. */
	if (!result && found[HADAL_NAMESPACE_MNT].address)
		result = print_namespace(printer, &found[HADAL_NAMESPACE_MNT], error);
	hadal_processes_free(&list);
	hadal_namespaces_close(namespaces);
	return result;
}

static int list_mounts(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct printer printer = {
		.options = options,
		.mounts = hadal_mounts_open(kernel, error),
	};
	int result;

	if (!printer.mounts)
		return -ENOENT;
	if (!options->where.json)
		printf("%5s %6s %7s %-8s %-23s MOUNT POINT <- SOURCE\n", "ID", "PARENT", "DEVICE",
		       "TYPE", "OPTIONS");
	result = options->all ? print_all(&printer, kernel, error)
			      : print_process(&printer, kernel, error);
	if (!result)
		cli_warn_lost(printer.lost, "mounts");
	hadal_mounts_close(printer.mounts);
	return result;
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->where.pid = 1;
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->all && options->where.space == CLI_SPACE_PROCESS)
		return "PID and --all do not go together";
	return NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_mounts, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('a', "all", "Of all mount namespaces, also those without a process", all),
	{0},
};

const struct cli_command command_mounts = {
	.name = "mounts",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the mounts of a mount namespace",
	.about = "List the mounts of the first process, or of PID, as the kernel's own memory "
		 "has them. Mount points are from the root of the mount namespace on, which a "
		 "process need not see; behind <- is the source, and in brackets what "
		 "directory of the file system is mounted, if not all of it.",
	.more = "With --json, one object a line, with what /proc/PID/mountinfo has, except "
		"options that only some file systems have.",
	.options = options_table,
	.arguments =
		(const struct cli_argument[]){CLI_ARGUMENT_OPTIONAL("PID", CLI_PID, where), {0}},
	.takes = CLI_TAKES_VIEW | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
