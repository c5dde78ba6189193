// SPDX-License-Identifier: MIT
/* hadal files */
#include "kernel.h"
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

static void print_row(const struct hadal_process *process, const struct hadal_file *file,
		      char *path)
{
	int used = printf("%7" PRId32 " %-15.15s ", process->tgid, process->comm);

	if (file->use == HADAL_FILE_OPEN)
		used += printf("%4" PRId32 " %-2s %-6.6s %9" PRIu64 " ", file->fd, mode_name(file),
			       hadal_file_type_name(file->mode), file->position);
	else
		used += printf("%4s    %-6.6s %9s ", use_names[file->use],
			       hadal_file_type_name(file->mode), "");
	cli_print_last(path, used);
}

static void print_json(const struct hadal_process *process, const struct hadal_file *file,
		       char *path)
{
	struct json_object *object = json_object_new_object();
	bool is_open = file->use == HADAL_FILE_OPEN;

	cli_make_printable(path);
	json_object_object_add(object, "pid", json_object_new_int(process->tgid));
	json_object_object_add(object, "name", json_object_new_string(process->comm));
	json_object_object_add(object, "use", json_object_new_string(use_names[file->use]));
	if (is_open) {
		json_object_object_add(object, "fd", json_object_new_int(file->fd));
		json_object_object_add(object, "mode", json_object_new_string(mode_name(file)));
		json_object_object_add(object, "flags", json_object_new_int64(file->flags));
		json_object_object_add(object, "position", json_object_new_uint64(file->position));
	}
	json_object_object_add(object, "type",
			       json_object_new_string(hadal_file_type_name(file->mode)));
	json_object_object_add(object, "inode", json_object_new_uint64(file->inode));
	cli_json_hex(object, "file", file->file);
	json_object_object_add(object, "path", json_object_new_string(path));
	cli_print_json(object);
}

static int print_file(void *ctx, const struct hadal_process *process, const struct hadal_file *file)
{
	const struct options *options = ctx;
	char path[HADAL_PATH_MAX];

	snprintf(path, sizeof(path), "%s", file->path);
	if (options->where.json)
		print_json(process, file, path);
	else
		print_row(process, file, path);
	return 0;
}

static bool only_one(const struct options *options)
{
	return options->where.space == CLI_SPACE_PROCESS;
}

/* Prints the files of the processes asked for. Returns how many processes these are. */
static size_t print_files(struct hadal_files *files, struct hadal_process_list *list,
			  struct options *options)
{
	size_t lost = list->lost, shown = 0;

	if (!options->where.json)
		printf("%7s %-15s %4s %-2s %-6s %9s PATH\n", "PID", "NAME", "FD", "", "TYPE",
		       "POSITION");
	for (size_t i = 0; i < list->count; i++) {
		struct hadal_process *process = &list->items[i];

		if (only_one(options) && process->tgid != (int64_t)options->where.pid)
			continue;
		shown++;
		cli_make_printable(process->comm);
		hadal_files_of(files, process, print_file, options, &lost);
	}
	cli_warn_lost(lost, "files");
	return shown;
}

static int list_files(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	struct options *options = ctx;
	struct hadal_files *files = hadal_files_open(kernel, error);
	struct hadal_process_list list = {0};
	int result = files ? hadal_processes(kernel, false, &list, error) : -ENOENT;

	if (!result && !print_files(files, &list, options) && only_one(options))
		result = hadal_fail(error, ESRCH, "There is no process %" PRIu64,
				    options->where.pid);
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
	.more = "With --json, one object a line.",
	.arguments = arguments,
	.takes = CLI_TAKES_VIEW | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.run = run,
};
