// SPDX-License-Identifier: MIT
/* hadal ps */
#include "kernel.h"
#include "kernel/process.h"

#include <inttypes.h>

enum {
	KEY_THREADS = 't',
};

struct options {
	bool threads;
	struct cli_view view;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct options *options = state->input;

	(void)text;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &options->view;
		return 0;
	case KEY_THREADS:
		options->threads = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options =
		(const struct argp_option[]){
			{"threads", KEY_THREADS, NULL, 0, "Also list the threads of each process",
			 0},
			{0},
		},
	.parser = parse,
	.children = cli_view_options,
	.doc = "List the processes as the kernel's own memory has them, whether or not /proc shows "
	       "them. S is the state as in ps, START seconds after boot, ROOT the physical "
	       "address of the page tables; kernel threads are in brackets.\v"
	       "With --json, one object a line.",
};

static void print_row(const struct hadal_process *process, bool threads)
{
	printf("%7" PRId32, process->tgid);
	if (threads)
		printf(" %7" PRId32, process->pid);
	printf(" %7" PRId32 " %6" PRIu32 " %c %4" PRIu32 " %11.2f", process->parent, process->uid,
	       process->state, process->threads, process->start_time / 1e9);
	if (process->page_table)
		printf(" %#12" PRIx64, process->page_table);
	else
		printf(" %12s", "-");
	printf(process->kernel_thread ? " [%s]\n" : " %s\n", process->comm);
}

static void print_json(const struct hadal_process *process)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "pid", json_object_new_int(process->tgid));
	json_object_object_add(object, "tid", json_object_new_int(process->pid));
	json_object_object_add(object, "parent", json_object_new_int(process->parent));
	json_object_object_add(object, "uid", json_object_new_int64(process->uid));
	json_object_object_add(object, "euid", json_object_new_int64(process->euid));
	json_object_object_add(object, "gid", json_object_new_int64(process->gid));
	json_object_object_add(object, "state", json_object_new_string_len(&process->state, 1));
	json_object_object_add(object, "threads", json_object_new_int64(process->threads));
	json_object_object_add(object, "start_ns", json_object_new_uint64(process->start_time));
	json_object_object_add(object, "kernel_thread",
			       json_object_new_boolean(process->kernel_thread));
	cli_json_hex(object, "task", process->task);
	cli_json_hex(object, "mm", process->mm);
	cli_json_hex(object, "root", process->page_table);
	json_object_object_add(object, "name", json_object_new_string(process->comm));
	cli_print_json_line(object);
}

static void print_list(struct hadal_process_list *list, const struct options *options)
{
	if (!options->view.json)
		printf("%7s%s %7s %6s S %4s %11s %12s NAME\n", "PID",
		       options->threads ? "     TID" : "", "PPID", "UID", "THR", "START", "ROOT");
	for (size_t i = 0; i < list->count; i++) {
		cli_make_printable(list->items[i].comm);
		if (options->view.json)
			print_json(&list->items[i]);
		else
			print_row(&list->items[i], options->threads);
	}
	cli_warn_lost(list->lost, "processes");
}

int cmd_ps(int argc, char **argv)
{
	struct options options = {0};
	struct hadal_process_list list;
	struct cli_kernel source;
	struct hadal_error error;
	int result;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!cli_kernel_open(&source, options.view.image))
		return CLI_FAILURE;
	result = hadal_processes(source.kernel, options.threads, &list, &error);
	if (result)
		cli_fail(&error);
	else
		print_list(&list, &options);
	hadal_processes_free(&list);
	cli_kernel_close(&source);
	return result ? CLI_FAILURE : CLI_OK;
}
