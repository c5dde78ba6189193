// SPDX-License-Identifier: MIT
/* hadal maps */
#include "kernel.h"
#include "record.h"
#include "text.h"
#include "file/maps.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct options {
	struct cli_where where;
};

static bool make_rights(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_mapping *mapping = record;

	(void)ctx;
	snprintf(text, size, "%c%c%c%c", mapping->readable ? 'r' : '-',
		 mapping->writable ? 'w' : '-', mapping->executable ? 'x' : '-',
		 mapping->shared ? 's' : 'p');
	return true;
}

#define AT(member) offsetof(struct hadal_mapping, member), NULL, NULL

static const struct cli_column columns[] = {
	{"start", "START", 18, CLI_COLUMN_HEX, AT(start), "first address"},
	{"end", "END", 18, CLI_COLUMN_HEX, AT(end), "address behind the last"},
	{"rights", "RGHT", -4, CLI_COLUMN_MADE, 0, make_rights, NULL,
	 "`r`, `w`, `x` or `-`, and `s` for shared or `p`"},
	{"offset", "OFFSET", 10, CLI_COLUMN_HEX, AT(offset), "in the file, bytes"},
	{"major", NULL, 5, CLI_COLUMN_U32, AT(major), "of the file's device"},
	{"minor", NULL, 5, CLI_COLUMN_U32, AT(minor), "of the file's device"},
	{"inode", "INODE", 10, CLI_COLUMN_U64, AT(inode), "of the file"},
	{"area", NULL, 18, CLI_COLUMN_HEX, AT(area), "its vm_area_struct"},
	{"path", "PATH", 0, CLI_COLUMN_STRING, AT(path), "as in /proc/PID/maps; empty for none"},
	{0},
};

/* A line is that of /proc/PID/maps. */
static void print_line(const void *record, void *ctx)
{
	const struct hadal_mapping *mapping = record;
	char rights[5], path[4 * HADAL_PATH_MAX];

	(void)ctx;
	make_rights(mapping, NULL, rights, sizeof(rights));
	text_for_terminal(mapping->path, strlen(mapping->path), path, sizeof(path));
	printf("%08" PRIx64 "-%08" PRIx64 " %s %08" PRIx64 " %02x:%02x %" PRIu64 " %s\n",
	       mapping->start, mapping->end, rights, mapping->offset, mapping->major,
	       mapping->minor, mapping->inode, path);
}

static const struct cli_record_kind kind = {
	.name = "mapping", .columns = columns, .print = print_line};

static int print_mapping(void *ctx, const struct hadal_mapping *mapping)
{
	cli_printer_print(ctx, mapping);
	return 0;
}

static int list_maps(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct cli_printer printer;
	struct hadal_process_list list;
	const struct hadal_process *process;
	size_t lost = 0;
	int result = hadal_processes(kernel, false, &list, error);

	process = result ? NULL : hadal_process_of(&list, options->where.pid);
	if (process)
		cli_printer_begin(&printer, &kind, &options->where, NULL, NULL);
	if (process)
		result = hadal_maps(kernel, process, print_mapping, &printer, &lost, error);
	else if (!result)
		result = cli_no_process(options->where.pid, list.lost, error);
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
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
