// SPDX-License-Identifier: MIT
/* hadal ps */
#include "kernel.h"
#include "process/arguments.h"
#include "process_namespaces.h"
#include "process_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Longer command lines are cut. */
#define ARGUMENTS_MAX 4096

struct options {
	bool threads;
	bool tree;
	bool full;
	bool namespaces;
	struct cli_where where;
};

/* What is needed to print a process. */
struct printer {
	const struct options *options;
	bool has_arguments;
	struct hadal_arguments arguments;
	struct hadal_namespaces *namespaces;                 /* NULL: are not printed */
	struct hadal_namespace usual[HADAL_NAMESPACE_KINDS]; /* the first process's */
};

static void print_name(struct printer *printer, const struct hadal_process *process, int used)
{
	char text[ARGUMENTS_MAX];

	if (process->kernel_thread)
		snprintf(text, sizeof(text), "[%s]", process->comm);
	else if (!printer->has_arguments ||
		 !hadal_arguments_of(&printer->arguments, process, text, sizeof(text)))
		snprintf(text, sizeof(text), "%s", process->comm);
	cli_print_last(text, used);
}

static void print_namespaces(struct printer *printer, const struct hadal_process *process)
{
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS];
	char text[PROCESS_NAMESPACES_MAX];
	bool first = process->pid == 1;
	int used = printf("%7" PRId32 "%c", process->tgid, process->hidden ? '!' : ' ');

	if (printer->options->threads)
		used += printf("%7" PRId32 " ", process->pid);
	used += printf("%-15.15s ", process->comm);
	hadal_namespaces_of(printer->namespaces, process, found);
	if (first)
		memcpy(printer->usual, found, sizeof(found));
	process_namespaces_text(found, first ? NULL : printer->usual, text);
	cli_print_last(text, used);
}

static void print_row(struct printer *printer, const struct hadal_process *process,
		      unsigned int depth)
{
	uint64_t centiseconds = process->start_time / 10000000;
	char thread[16] = "", root[24] = "-";
	int used;

	if (printer->options->threads)
		snprintf(thread, sizeof(thread), "%7" PRId32 " ", process->pid);
	if (process->page_table)
		snprintf(root, sizeof(root), "%#" PRIx64, process->page_table);
	used = printf("%7" PRId32 "%c%s%7" PRId32 " %6" PRIu32 " %c %4" PRIu32 " %8" PRIu64
		      ".%02u %12s ",
		      process->tgid, process->hidden ? '!' : ' ', thread, process->parent,
		      process->uid, process->state, process->threads, centiseconds / 100,
		      (unsigned)(centiseconds % 100), root);
	if (depth)
		used += printf("%*s- ", 2 * (int)depth - 2, "");
	print_name(printer, process, used);
}

static const char *const places[] = {"list", "pids", "family", "cpu"};

/* After the table: what the mark at a process means. */
static void explain_hidden(const struct hadal_process *process)
{
	if (!process->hidden)
		return;
	fprintf(stderr,
		"hadal: ! %s %" PRId32 " (%s) runs, but is not in the kernel's %s%s%s: "
		"something hides it\n",
		process->pid == process->tgid ? "process" : "thread", process->pid, process->comm,
		process->in & HADAL_IN_LIST ? "" : "list of processes",
		process->in & (HADAL_IN_LIST | HADAL_IN_PIDS) ? "" : " and ",
		process->in & HADAL_IN_PIDS ? "" : "PID table");
}

static struct json_object *places_of(const struct hadal_process *process)
{
	struct json_object *in = json_object_new_array();

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (process->in & 1u << i)
			json_object_array_add(in, json_object_new_string(places[i]));
	return in;
}

static void print_json(struct printer *printer, const struct hadal_process *process)
{
	char text[ARGUMENTS_MAX];
	struct json_object *object = json_object_new_object();
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS];

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
	json_object_object_add(object, "hidden", json_object_new_boolean(process->hidden));
	json_object_object_add(object, "in", places_of(process));
	cli_json_hex(object, "task", process->task);
	cli_json_hex(object, "mm", process->mm);
	cli_json_hex(object, "root", process->page_table);
	hadal_namespaces_of(printer->namespaces, process, found);
	json_object_object_add(object, "namespaces", process_namespaces_json(found));
	json_object_object_add(object, "name", json_object_new_string(process->comm));
	if (hadal_arguments_of(&printer->arguments, process, text, sizeof(text))) {
		cli_make_printable(text);
		json_object_object_add(object, "command_line", json_object_new_string(text));
	}
	cli_print_json(object);
}

static void print_process(void *ctx, struct hadal_process *process, unsigned int depth)
{
	struct printer *printer = ctx;

	cli_make_printable(process->comm);
	if (printer->options->where.json)
		print_json(printer, process);
	else if (printer->options->namespaces)
		print_namespaces(printer, process);
	else
		print_row(printer, process, depth);
}

static void print_head(const struct options *options)
{
	const char *thread = options->threads ? "     TID" : "";

	if (options->namespaces)
		printf("%7s%s %-15s NAMESPACES\n", "PID", thread, "NAME");
	else
		printf("%7s%s %7s %6s S %4s %11s %12s NAME\n", "PID", thread, "PPID", "UID", "THR",
		       "START", "ROOT");
}

static void print_list(struct printer *printer, struct hadal_process_list *list)
{
	const struct options *options = printer->options;

	if (!options->where.json)
		print_head(options);
	if (!options->tree || !process_tree(list, print_process, printer))
		for (size_t i = 0; i < list->count; i++)
			print_process(printer, &list->items[i], 0);
	for (size_t i = 0; i < list->count && !options->where.json; i++)
		explain_hidden(&list->items[i]);
	cli_warn_lost(list->lost, "processes");
}

static int list_processes(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	const struct options *options = ctx;
	struct printer printer = {
		.options = options,
		.has_arguments = options->full || options->where.json,
	};
	struct hadal_process_list list = {0};
	int result = 0;

	if (printer.has_arguments)
		result = hadal_arguments_open(&printer.arguments, kernel, error);
	if (!result && (options->namespaces || options->where.json)) {
		printer.namespaces = hadal_namespaces_open(kernel, error);
		result = printer.namespaces ? 0 : -ENOENT;
	}
	if (!result)
		result = hadal_processes(kernel, options->threads, &list, error);
	if (!result) {
		/* The list is worth showing all the same. */
		if (hadal_processes_check(kernel, options->threads, &list, error))
			cli_fail(error);
		print_list(&printer, &list);
	}
	hadal_processes_free(&list);
	hadal_namespaces_close(printer.namespaces);
	return result;
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->namespaces && (options->tree || options->full))
		return "--namespaces goes with neither --tree nor --full";
	return NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_processes, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('T', "threads", "Also list the threads of each process", threads),
	CLI_OPTION_FLAG(0, "tree", "Children below their parents", tree),
	CLI_OPTION_FLAG('f', "full", "Show command lines instead of names", full),
	CLI_OPTION_FLAG('n', "namespaces",
			"Show the numbers of the namespaces, as in /proc/PID/ns: all of the first "
			"process, and "
			"of the others those that are not the same",
			namespaces),
	{0},
};

const struct cli_command command_ps = {
	.name = "ps",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list processes from the kernel's memory",
	.about = "List the processes as the kernel's own memory has them, whether or not "
		 "/proc shows them. S is the state as in ps, START seconds after boot, ROOT "
		 "the physical address of the page tables; kernel threads are in brackets. A "
		 "process that is not both in the kernel's list of processes and in its PID "
		 "table is hidden by something: it is marked with an exclamation mark.",
	.more = "With --json, one object a line, always with the command line and all "
		"namespaces; \"in\" tells from where a process is known: list, pids, and "
		"where these were needed to find it, family (a parent, sibling or thread) "
		"and cpu (one executes it).",
	.options = options_table,
	.takes = CLI_TAKES_VIEW,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
