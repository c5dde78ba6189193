// SPDX-License-Identifier: MIT
/* hadal maps */
#include "kernel.h"
#include "file/maps.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	struct cli_where where;
};

static void rights_text(const struct hadal_mapping *mapping, char text[5])
{
	text[0] = mapping->readable ? 'r' : '-';
	text[1] = mapping->writable ? 'w' : '-';
	text[2] = mapping->executable ? 'x' : '-';
	text[3] = mapping->shared ? 's' : 'p';
	text[4] = '\0';
}

static void print_row(const struct hadal_mapping *mapping, const char *rights, char *path)
{
	int used = printf("%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " ",
			  mapping->start, mapping->end, rights, mapping->offset, mapping->major,
			  mapping->minor, mapping->inode);

	cli_print_last(path, used);
}

static void print_json(const struct hadal_mapping *mapping, const char *rights, char *path)
{
	struct json_object *object = json_object_new_object();

	cli_make_printable(path);
	cli_json_hex(object, "start", mapping->start);
	cli_json_hex(object, "end", mapping->end);
	json_object_object_add(object, "rights", json_object_new_string(rights));
	cli_json_hex(object, "offset", mapping->offset);
	json_object_object_add(object, "major", json_object_new_int64(mapping->major));
	json_object_object_add(object, "minor", json_object_new_int64(mapping->minor));
	json_object_object_add(object, "inode", json_object_new_uint64(mapping->inode));
	cli_json_hex(object, "area", mapping->area);
	json_object_object_add(object, "path", json_object_new_string(path));
	cli_print_json(object);
}

static int print_mapping(void *ctx, const struct hadal_mapping *mapping)
{
	const struct options *options = ctx;
	char path[HADAL_PATH_MAX], rights[5];

	snprintf(path, sizeof(path), "%s", mapping->path);
	rights_text(mapping, rights);
	if (options->where.json)
		print_json(mapping, rights, path);
	else
		print_row(mapping, rights, path);
	return 0;
}

static int list_maps(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	struct options *options = ctx;
	struct hadal_process_list list;
	const struct hadal_process *process;
	size_t lost = 0;
	int result = hadal_processes(kernel, false, &list, error);

	process = result ? NULL : hadal_process_of(&list, options->where.pid);
	if (process)
		result = hadal_maps(kernel, process, print_mapping, options, &lost, error);
	else if (!result)
		result = hadal_fail(error, ESRCH, "There is no process %" PRIu64,
				    options->where.pid);
	if (!result)
		cli_warn_lost(lost, "mappings");
	hadal_processes_free(&list);
	return result;
}

static const char *check(void *data)
{
	const struct options *options = data;

	return options->where.space == CLI_SPACE_PROCESS ? NULL : "PID is needed";
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_maps, options);
}

static const struct cli_argument arguments[] = {CLI_ARGUMENT_OPTIONAL("PID", CLI_PID, where), {0}};

const struct cli_command command_maps = {
	.name = "maps",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the memory mappings of a process",
	.about = "List the memory of a process as /proc/PID/maps does, but as the kernel's "
		 "own memory has it.",
	.more = "With --json, one object a line.",
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
