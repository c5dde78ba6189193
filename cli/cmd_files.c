// SPDX-License-Identifier: MIT
/* hadal files */
#include "kernel.h"
#include "record.h"
#include "file/files.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	struct cli_where where;
};

static const char *const use_names[] = {
	[HADAL_FILE_EXE] = "exe",
	[HADAL_FILE_CWD] = "cwd",
	[HADAL_FILE_ROOT] = "root",
	[HADAL_FILE_OPEN] = "fd",
};

static const char *mode_name(const struct hadal_file *file)
{
	if (file->readable)
		return file->writable ? "rw" : "r";
	return file->writable ? "w" : "-";
}

/* A file, and what is printed of who has it. */
struct row {
	const struct hadal_file *file;
	int32_t pid;
	int32_t fd;
	const char *name, *use, *type, *path;
	uint64_t inode, position, flags, address;
};

static bool is_open(const void *record)
{
	const struct row *row = record;

	return row->file->use == HADAL_FILE_OPEN;
}

static bool make_fd(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	if (is_open(record))
		snprintf(text, size, "%" PRId32, row->fd);
	else
		snprintf(text, size, "%s", row->use);
	return true;
}

static struct json_object *json_fd(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return is_open(record) ? json_object_new_int(row->fd) : NULL;
}

static bool make_mode(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%s", is_open(record) ? mode_name(row->file) : "");
	return true;
}

static struct json_object *json_mode(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return is_open(record) ? json_object_new_string(mode_name(row->file)) : NULL;
}

static bool make_position(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	text[0] = '\0';
	if (is_open(record))
		snprintf(text, size, "%" PRIu64, row->position);
	return true;
}

static struct json_object *json_position(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return is_open(record) ? json_object_new_uint64(row->position) : NULL;
}

static struct json_object *json_flags(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return is_open(record) ? json_object_new_uint64(row->flags) : NULL;
}

static struct json_object *json_path_cut(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return hadal_path_is_cut(row->path) ? json_object_new_boolean(true) : NULL;
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"pid", "PID", 7, CLI_COLUMN_I32, AT(pid), "number of the process"},
	{"name", "NAME", -15, CLI_COLUMN_STRING, AT(name), "its name"},
	{"use", NULL, -4, CLI_COLUMN_STRING, AT(use), "`fd`, `exe`, `cwd` or `root`"},
	{"fd", "FD", 4, CLI_COLUMN_JSON, 0, make_fd, json_fd, "number: the file descriptor"},
	{"mode", "", -2, CLI_COLUMN_JSON, 0, make_mode, json_mode,
	 "string, with fd: `r`, `w`, `rw` or `-`"},
	{"flags", NULL, 8, CLI_COLUMN_JSON, 0, NULL, json_flags,
	 "number, with fd: those of open()"},
	{"type", "TYPE", -6, CLI_COLUMN_STRING, AT(type), "`file`, `dir`, `pipe`, `socket`, ..."},
	{"position", "POSITION", 9, CLI_COLUMN_JSON, 0, make_position, json_position,
	 "number, with fd: where it is read or written next"},
	{"inode", NULL, 10, CLI_COLUMN_U64, AT(inode), "number of the inode"},
	{"file", NULL, 18, CLI_COLUMN_HEX, AT(address), "its struct file"},
	{"path_cut", NULL, 5, CLI_COLUMN_JSON, 0, NULL, json_path_cut,
	 "true when the path is too long and its beginning is cut"},
	{"path", "PATH", 0, CLI_COLUMN_STRING, AT(path), "as in /proc/PID/fd"},
	{0},
};

static const struct cli_record_kind kind = {.name = "file", .columns = columns};

struct printer {
	const struct options *options;
	struct cli_printer records;
};

static int print_file(void *ctx, const struct hadal_process *process, const struct hadal_file *file)
{
	struct printer *printer = ctx;
	const struct row row = {
		.file = file,
		.pid = process->tgid,
		.fd = file->fd,
		.name = process->comm,
		.use = use_names[file->use],
		.type = hadal_file_type_name(file->mode),
		.path = file->path,
		.inode = file->inode,
		.position = file->position,
		.flags = file->flags,
		.address = file->file,
	};

	cli_printer_print(&printer->records, &row);
	return 0;
}

static bool only_one(const struct options *options)
{
	return options->where.space == CLI_SPACE_PROCESS;
}

/* Prints the files of the processes asked for. Returns how many processes these are. */
static size_t print_files(struct hadal_files *files, struct hadal_process_list *list,
			  struct printer *printer)

{
	const struct options *options = printer->options;
	size_t lost = list->lost, shown = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct hadal_process *process = &list->items[i];

		if (only_one(options) && process->tgid != (int64_t)options->where.pid)
			continue;
		shown++;
		hadal_files_of(files, process, print_file, printer, &lost);
	}
	cli_warn_lost(lost, "files");
	return shown;
}

static int list_files(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct printer printer = {.options = options};
	struct hadal_files *files = hadal_files_open(kernel, error);
	struct hadal_process_list list = {0};
	int result = files ? hadal_processes(kernel, false, &list, error) : -ENOENT;

	if (!result)
		cli_printer_begin(&printer.records, &kind, &options->where, NULL, NULL);
	if (!result && !print_files(files, &list, &printer) && only_one(options))
		result = cli_no_process(options->where.pid, list.lost, error);
	hadal_processes_free(&list);
	hadal_files_close(files);
	return result;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_files, options);
}

static const struct cli_argument arguments[] = {CLI_ARGUMENT_OPTIONAL("PID", CLI_PID, where), {0}};

const struct cli_command command_files = {
	.name = "files",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the open files of processes",
	.about = "List the open files of all processes, or of one, as the kernel's own memory "
		 "has them. FD is the file descriptor, or exe for the program, cwd and root "
		 "for the directories; paths are as in /proc/PID/fd.",
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.run = run,
};
