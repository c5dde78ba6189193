// SPDX-License-Identifier: MIT
/* hadal mounts */
#include "kernel.h"
#include "record.h"
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
	struct cli_printer records;
	uint32_t namespace; /* number of the one at hand */
	size_t lost;
};

static bool make_device(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_mount *mount = record;

	(void)ctx;
	snprintf(text, size, "%" PRIu32 ":%" PRIu32, mount->major, mount->minor);
	return true;
}

static bool make_place(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_mount *mount = record;
	bool whole = !strcmp(mount->root, "/");

	(void)ctx;
	snprintf(text, size, "%s <- %s%s%s%s", mount->path, mount->source, whole ? "" : "[",
		 whole ? "" : mount->root, whole ? "" : "]");
	return true;
}

static struct json_object *json_namespace(const void *record, void *ctx)
{
	const struct printer *printer = ctx;

	(void)record;
	return json_object_new_int64(printer->namespace);
}

#define AT(member) offsetof(struct hadal_mount, member), NULL, NULL

static const struct cli_column columns[] = {
	{"id", "ID", 5, CLI_COLUMN_I32, AT(id), "as in /proc/PID/mountinfo"},
	{"parent", "PARENT", 6, CLI_COLUMN_I32, AT(parent), "id of the mount that it is on"},
	{"device", "DEVICE", 7, CLI_COLUMN_JSON, 0, make_device, NULL, "in the table only"},
	{"major", NULL, 5, CLI_COLUMN_U32, AT(major), "of the device"},
	{"minor", NULL, 5, CLI_COLUMN_U32, AT(minor), "of the device"},
	{"type", "TYPE", -8, CLI_COLUMN_TEXT, AT(type), "of the file system"},
	{"options", "OPTIONS", -23, CLI_COLUMN_TEXT, AT(options), "of this mount"},
	{"super_options", NULL, -23, CLI_COLUMN_TEXT, AT(super_options),
	 "of the file system, those that all have"},
	{"place", "MOUNT POINT <- SOURCE", 0, CLI_COLUMN_JSON, 0, make_place, NULL,
	 "in the table only"},
	{"path", NULL, 0, CLI_COLUMN_STRING, AT(path), "mount point, from the namespace's root on"},
	{"root", NULL, 0, CLI_COLUMN_STRING, AT(root), "the directory that is mounted"},
	{"source", NULL, 0, CLI_COLUMN_STRING, AT(source), "the device, or what stands for it"},
	{"shared", NULL, 6, CLI_COLUMN_I32, AT(shared), "peer group; 0: none"},
	{"master", NULL, 6, CLI_COLUMN_I32, AT(master), "peer group that it gets from; 0: none"},
	{"unbindable", NULL, 3, CLI_COLUMN_BOOL, AT(unbindable), "as mountinfo says"},
	{"namespace", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_namespace,
	 "number: of its mount namespace"},
	{"mount", NULL, 18, CLI_COLUMN_HEX, AT(mount), "its struct mount"},
	{0},
};

static const struct cli_record_kind kind = {.name = "mount", .columns = columns};

static int print_mount(void *ctx, const struct hadal_mount *mount)
{
	struct printer *printer = ctx;

	cli_printer_print(&printer->records, mount);
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
		result = cli_no_process(printer->options->where.pid, list.lost, error);
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
	cli_printer_begin(&printer.records, &kind, &options->where, NULL, &printer);
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
		return "PID and --all exclude each other";
	return NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_mounts, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('a', "all",
			"List the mounts of all mount namespaces, also of those without a process",
			all),
	{0},
};

const struct cli_command command_mounts = {
	.name = "mounts",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the mounts of a mount namespace",
	.about = "List the mounts of the first process, or of PID, as the kernel's own memory "
		 "has them. Mount points are paths from the root of the mount namespace, which "
		 "is not always the root of the process. Behind <- is the source, and in brackets "
		 "the directory of the file system that is mounted, if not all of it is.",
	.more = "JSON has what /proc/PID/mountinfo has, except "
		"options that only some file systems have.",
	.options = options_table,
	.arguments =
		(const struct cli_argument[]){CLI_ARGUMENT_OPTIONAL("PID", CLI_PID, where), {0}},
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
