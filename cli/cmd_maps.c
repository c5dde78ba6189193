// SPDX-License-Identifier: MIT
/* hadal maps */
#include "kernel.h"
#include "file/maps.h"

#include <errno.h>
#include <inttypes.h>

struct options {
	uint64_t pid;
	struct cli_view view;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		options->pid = cli_argument(state, "PID", text);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.children = cli_view_options,
	.args_doc = "PID",
	.doc = "List the memory of a process as /proc/PID/maps does, but as the kernel's own "
	       "memory "
	       "has it.\vWith --json, one object a line.",
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
	cli_print_json_line(object);
}

static int print_mapping(void *ctx, const struct hadal_mapping *mapping)
{
	const struct options *options = ctx;
	char path[HADAL_PATH_MAX], rights[5];

	snprintf(path, sizeof(path), "%s", mapping->path);
	rights_text(mapping, rights);
	if (options->view.json)
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

	process = result ? NULL : hadal_process_of(&list, options->pid);
	if (process)
		result = hadal_maps(kernel, process, print_mapping, options, &lost, error);
	else if (!result)
		result = hadal_fail(error, ESRCH, "There is no process %" PRIu64, options->pid);
	if (!result)
		cli_warn_lost(lost, "mappings");
	hadal_processes_free(&list);
	return result;
}

int cmd_maps(int argc, char **argv)
{
	struct options options = {0};

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	return cli_kernel_run(options.view.image, list_maps, &options);
}
