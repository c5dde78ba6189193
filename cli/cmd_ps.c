// SPDX-License-Identifier: MIT
/* hadal ps */
#include "kernel.h"
#include "record.h"
#include "text.h"
#include "process/arguments.h"
#include "process_namespaces.h"
#include "process_tree.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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
	struct cli_printer records;
	struct hadal_arguments arguments;                    /* with options->full, or for JSON */
	struct hadal_namespaces *namespaces;                 /* NULL: are not printed */
	struct hadal_namespace usual[HADAL_NAMESPACE_KINDS]; /* the first process's */
	unsigned int depth; /* of the process at hand, in the tree */
};

static bool make_pid(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_process *process = record;

	(void)ctx;
	snprintf(text, size, "%" PRId32 "%c", process->tgid, process->hidden ? '!' : ' ');
	return true;
}

static struct json_object *json_pid(const void *record, void *ctx)
{
	const struct hadal_process *process = record;

	(void)ctx;
	return json_object_new_int64(process->tgid);
}

static bool make_start(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_process *process = record;
	uint64_t centiseconds = process->start_time / 10000000;

	(void)ctx;
	snprintf(text, size, "%" PRIu64 ".%02u", centiseconds / 100,
		 (unsigned)(centiseconds % 100));
	return true;
}

static bool make_root(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_process *process = record;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, process->page_table);
	return process->page_table != 0;
}

static struct json_object *json_root(const void *record, void *ctx)
{
	const struct hadal_process *process = record;
	char text[24];

	(void)ctx;
	snprintf(text, sizeof(text), "%#" PRIx64, process->page_table);
	return json_object_new_string(text);
}

/* With options->full the command line, which a kernel thread has not. */
static bool make_name(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_process *process = record;
	struct printer *printer = ctx;
	size_t len = 0;
	int used = 0;

	if (printer->depth)
		used = snprintf(text, size, "%*s- ", 2 * (int)printer->depth - 2, "");
	text += used;
	size -= used;
	if (process->kernel_thread)
		snprintf(text, size, "[%s]", process->comm);
	else if (!printer->options->full || printer->options->where.json ||
		 !(len = hadal_arguments_of(&printer->arguments, process, text, size)))
		snprintf(text, size, "%s", process->comm);
	if (len == size - 1)
		strcpy(text + len - 3, "...");
	return true;
}

static struct json_object *json_name(const void *record, void *ctx)
{
	const struct hadal_process *process = record;

	(void)ctx;
	return text_json(process->comm, strlen(process->comm));
}

/* Of the first process all, of the others those that are not the same. */
static bool make_namespaces(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_process *process = record;
	struct printer *printer = ctx;
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS];
	char names[PROCESS_NAMESPACES_MAX];
	bool first = process->pid == 1;

	if (!printer->namespaces)
		return false;
	hadal_namespaces_of(printer->namespaces, process, found);
	if (first)
		memcpy(printer->usual, found, sizeof(found));
	process_namespaces_text(found, first ? NULL : printer->usual, names);
	snprintf(text, size, "%s", names);
	return true;
}

static struct json_object *json_namespaces(const void *record, void *ctx)
{
	struct printer *printer = ctx;
	struct hadal_namespace found[HADAL_NAMESPACE_KINDS];

	hadal_namespaces_of(printer->namespaces, record, found);
	return process_namespaces_json(found);
}

/* What follows the number in the first namespace, which is the pid. */
static bool make_inner_pids(const void *record, void *ctx, char *text, size_t size)
{
	struct printer *printer = ctx;
	int32_t numbers[HADAL_PID_LEVELS];
	size_t count = printer->namespaces
			       ? hadal_namespace_pids(printer->namespaces, record, numbers)
			       : 0;
	size_t len = 0;

	for (size_t i = 1; i < count && len < size; i++)
		len += snprintf(text + len, size - len, "%s%" PRId32, i > 1 ? "," : "", numbers[i]);
	return count > 1;
}

static struct json_object *json_pids(const void *record, void *ctx)
{
	struct printer *printer = ctx;
	struct json_object *list = json_object_new_array();
	int32_t numbers[HADAL_PID_LEVELS];
	size_t count = hadal_namespace_pids(printer->namespaces, record, numbers);

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, json_object_new_int(numbers[i]));
	return list;
}

static struct json_object *json_arguments(const void *record, void *ctx)
{
	struct printer *printer = ctx;
	struct json_object *list;
	char *text;
	ssize_t len = hadal_arguments_all(&printer->arguments, record, &text);

	if (len <= 0)
		return NULL;
	list = json_object_new_array();
	for (ssize_t at = 0; at < len; at += strlen(text + at) + 1)
		json_object_array_add(list, text_json(text + at, strlen(text + at)));
	free(text);
	return list;
}

static const char *const places[] = {"list", "pids", "family", "cpu"};

static struct json_object *json_places(const void *record, void *ctx)
{
	const struct hadal_process *process = record;
	struct json_object *in = json_object_new_array();

	(void)ctx;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (process->in & 1u << i)
			json_object_array_add(in, json_object_new_string(places[i]));
	return in;
}

#define AT(member) offsetof(struct hadal_process, member), NULL, NULL

static const struct cli_column columns[] = {
	{"pid", "PID ", 8, CLI_COLUMN_JSON, 0, make_pid, json_pid,
	 "number of the process; in the table with ! if something hides it"},
	{"tid", "TID", 7, CLI_COLUMN_I32, AT(pid), "number of the thread"},
	{"parent", "PPID", 7, CLI_COLUMN_I32, AT(parent), "number of the parent"},
	{"uid", "UID", 6, CLI_COLUMN_U32, AT(uid), "real user"},
	{"euid", NULL, 6, CLI_COLUMN_U32, AT(euid), "effective user"},
	{"gid", NULL, 6, CLI_COLUMN_U32, AT(gid), "real group"},
	{"state", "S", 1, CLI_COLUMN_CHAR, AT(state), "as ps shows it: R S D T t X Z P I"},
	{"threads", "THR", 4, CLI_COLUMN_U32, AT(threads), "threads of the process"},
	{"start", "START", 11, CLI_COLUMN_JSON, 0, make_start, NULL,
	 "in the table only: seconds after boot"},
	{"start_ns", NULL, 20, CLI_COLUMN_U64, AT(start_time), "nanoseconds after boot"},
	{"kernel_thread", NULL, 3, CLI_COLUMN_BOOL, AT(kernel_thread), "runs in the kernel alone"},
	{"hidden", NULL, 3, CLI_COLUMN_BOOL, AT(hidden),
	 "not both in the kernel's list and in its PID table"},
	{"in", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_places,
	 "array: from where it is known: `list`, `pids`, and if needed `family`, `cpu`"},
	{"task", NULL, 18, CLI_COLUMN_HEX, AT(task), "its task_struct"},
	{"mm", NULL, 18, CLI_COLUMN_HEX, AT(mm), "its mm_struct; `0` for a kernel thread"},
	{"root", "ROOT", 12, CLI_COLUMN_JSON, 0, make_root, json_root,
	 "string, `0x...`: physical address of its page tables"},
	{"ns_pids", "NSPID", 7, CLI_COLUMN_JSON, 0, make_inner_pids, json_pids,
	 "array: its numbers in the PID namespaces it is in, the first one's first, as NSpid in "
	 "/proc/PID/status; in the table without the first"},
	{"name", "NAME", -15, CLI_COLUMN_JSON, 0, make_name, json_name,
	 "string: as /proc/PID/comm"},
	{"namespaces", "NAMESPACES", 0, CLI_COLUMN_JSON, 0, make_namespaces, json_namespaces,
	 "object: inode numbers by kind, as in /proc/PID/ns"},
	{"arguments", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_arguments,
	 "array: its command line, each argument a string"},
	{0},
};

static const struct cli_record_kind kind = {.name = "process", .columns = columns};

/* After the table: what the mark at a process means. */
static void explain_hidden(const struct hadal_process *process)
{
	char name[4 * HADAL_COMM_MAX];

	if (!process->hidden)
		return;
	fprintf(stderr,
		"hadal: ! %s %" PRId32 " (%s) runs, but is not in the kernel's %s%s%s: "
		"something hides it\n",
		process->pid == process->tgid ? "process" : "thread", process->pid,
		text_for_terminal(process->comm, strlen(process->comm), name, sizeof(name)),
		process->in & HADAL_IN_LIST ? "" : "list of processes",
		process->in & (HADAL_IN_LIST | HADAL_IN_PIDS) ? "" : " and ",
		process->in & HADAL_IN_PIDS ? "" : "PID table");
}

static void print_process(void *ctx, struct hadal_process *process, unsigned int depth)
{
	struct printer *printer = ctx;

	printer->depth = depth;
	cli_printer_print(&printer->records, process);
}

static void print_list(struct printer *printer, struct hadal_process_list *list)
{
	const struct options *options = printer->options;
	const char *hide = options->threads ? "namespaces,ns_pids" : "namespaces,ns_pids,tid";

	if (options->namespaces)
		hide = options->threads ? "parent,uid,state,threads,start,root"
					: "parent,uid,state,threads,start,root,tid";

	cli_printer_begin(&printer->records, &kind, &options->where, hide, printer);
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
	struct printer printer = {.options = options};
	bool everything = options->where.json || options->where.columns;
	struct hadal_process_list list = {0};
	int result = 0;

	if (options->full || everything)
		result = hadal_arguments_open(&printer.arguments, kernel, error);
	if (!result && (options->namespaces || everything)) {
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

	if (options->namespaces && options->tree)
		return "--namespaces and --tree exclude each other";
	if (options->namespaces && options->full)
		return "--namespaces and --full exclude each other";
	return NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_processes, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('T', "threads", "Also list the threads of each process", threads),
	CLI_OPTION_FLAG(0, "tree", "Print children below their parents", tree),
	CLI_OPTION_FLAG('f', "full", "Show command lines instead of names", full),
	CLI_OPTION_FLAG('n', "namespaces",
			"Show the numbers of the namespaces, as in /proc/PID/ns: all of the first "
			"process, and of the others those that differ",
			namespaces),
	{0},
};

const struct cli_command command_ps = {
	.name = "ps",
	.group = CLI_GROUP_SYSTEM,
	.summary = "list the processes, hidden ones too",
	.about = "List the processes as the kernel's own memory has them, whether or not "
		 "/proc shows them. S is the state as in ps, START seconds after boot, ROOT "
		 "the physical address of the page tables; kernel threads are in brackets. A "
		 "process that is not both in the kernel's list of processes and in its PID "
		 "table is hidden by something: it is marked with an exclamation mark.",
	.more = "JSON always has the command line and all namespaces; \"in\" says from where a "
		"process is known: list, pids, and, where these were needed to find it, family (a "
		"parent, sibling or thread) and cpu (a CPU executes it).",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST,
	CLI_OPTIONS_AT(where),
	.check = check,
	.run = run,
};
