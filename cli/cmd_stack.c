// SPDX-License-Identifier: MIT
/* hadal stack */
#include "kernel.h"
#include "process/process.h"
#include "process/running.h"
#include "record.h"
#include "system/symbolize.h"
#include "unwind/unwind.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CPU_NONE UINT64_MAX
/* Far longer than it takes. */
#define PAUSE_MS 1000
/* How often a stack that is not whole is looked at again: its task may just have run. */
#define TRIES 5

struct options {
	uint64_t cpu; /* CPU_NONE: the stacks of tasks that wait */
	struct cli_where where;
};

/* A frame, or a task that has none. */
struct row {
	int32_t pid, tgid;
	const char *name;
	int64_t cpu;              /* that executes the task; below 0: none */
	const char *address, *sp; /* NULL: there is no frame */
	const char *symbol, *end; /* NULL: there is none */
	uint32_t number;
	uint64_t task;
};

struct printer {
	const struct options *options;
	struct hadal_unwinder *unwinder;
	struct hadal_symbolizer *symbolizer;
	struct cli_printer records;
	struct hadal_process_list list;
	uint64_t running[HADAL_MAX_CPUS]; /* the task that each CPU executes; 0: not known */
	struct hadal_stack stack;
	size_t lost; /* stacks that are not whole */
};

static bool make_cpu(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%" PRId64, row->cpu);
	return row->cpu >= 0;
}

static struct json_object *json_cpu(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return row->cpu < 0 ? NULL : json_object_new_int64(row->cpu);
}

static bool make_number(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%" PRIu32, row->number);
	return row->address;
}

static struct json_object *json_number(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return row->address ? json_object_new_int64(row->number) : NULL;
}

#define AT(member) offsetof(struct row, member), NULL, NULL

static const struct cli_column columns[] = {
	{"pid", NULL, 7, CLI_COLUMN_I32, AT(tgid), "number of the process; 0 for an idle CPU"},
	{"tid", "TID", 7, CLI_COLUMN_I32, AT(pid), "number of the thread"},
	{"name", "NAME", -15, CLI_COLUMN_STRING, AT(name), "as /proc/PID/comm"},
	{"task", NULL, 18, CLI_COLUMN_HEX, AT(task), "its task_struct; `0` if not known"},
	{"cpu", NULL, 3, CLI_COLUMN_JSON, 0, make_cpu, json_cpu,
	 "number: the CPU that executes it, if one does"},
	{"frame", "#", 3, CLI_COLUMN_JSON, 0, make_number, json_number,
	 "number, from 0 for the innermost; not there for a task without a frame"},
	{"address", "ADDRESS", 18, CLI_COLUMN_STRING, AT(address),
	 "`0x...`: where the code is, or goes on when what it called returns"},
	{"sp", NULL, 18, CLI_COLUMN_STRING, AT(sp), "`0x...`: the stack pointer there"},
	{"symbol", "SYMBOL", 0, CLI_COLUMN_STRING, AT(symbol),
	 "name+offset, and the module in brackets"},
	{"end", NULL, 0, CLI_COLUMN_STRING, AT(end),
	 "of the last frame of a stack that is not whole: why it ends; of a task without a frame: "
	 "why"},
	{0},
};

static const struct cli_record_kind kind = {.name = "frame", .columns = columns};

static void print_frame(struct printer *printer, struct row *row, const struct hadal_frame *frame)
{
	char address[24], sp[24], symbol[HADAL_SYMBOL_NAME_MAX + 2 * HADAL_MODULE_NAME_MAX];
	bool named;

	snprintf(address, sizeof(address), "%#" PRIx64, frame->rip);
	snprintf(sp, sizeof(sp), "%#" PRIx64, frame->rsp);
	row->address = address;
	row->sp = sp;
	named = frame->returned
			? hadal_symbolize_return(printer->symbolizer, frame->rip, symbol,
						 sizeof(symbol))
			: hadal_symbolize(printer->symbolizer, frame->rip, symbol, sizeof(symbol));
	row->symbol = named ? symbol : NULL;
	cli_printer_print(&printer->records, row);
}

/* A task without a frame, with the reason where a symbol would be. */
static void print_none(struct printer *printer, struct row *row, const char *why)
{
	row->end = why;
	row->symbol = printer->options->where.json ? NULL : why;
	cli_printer_print(&printer->records, row);
}

static void print_stack(struct printer *printer, struct row *row)
{
	const struct hadal_stack *stack = &printer->stack;
	const char *end = hadal_stack_end_text(stack->end);

	for (row->number = 0; row->number < stack->count; row->number++) {
		row->end = row->number + 1 == stack->count ? end : NULL;
		print_frame(printer, row, &stack->frames[row->number]);
	}
	printer->lost += end != NULL;
}

static struct row row_of(const struct hadal_process *process)
{
	return (struct row){.pid = process->pid,
			    .tgid = process->tgid,
			    .name = process->comm,
			    .task = process->task,
			    .cpu = -1};
}

static int note_running(void *ctx, uint32_t cpu, uint64_t task)
{
	struct printer *printer = ctx;

	if (cpu < HADAL_MAX_CPUS)
		printer->running[cpu] = task;
	return 0;
}

static bool is_running(const struct printer *printer, struct row *row)
{
	for (row->cpu = 0; row->cpu < HADAL_MAX_CPUS; row->cpu++)
		if (printer->running[row->cpu] == row->task)
			return true;
	row->cpu = -1;
	return false;
}

/* Of a task that just ran the stack is taken again; in an image nothing changes. */
static void print_task(struct printer *printer, struct hadal_kernel *kernel,
		       const struct hadal_process *process)
{
	struct row row = row_of(process);

	for (int i = 0; i < (printer->options->where.image ? 1 : TRIES); i++) {
		hadal_space_flush(hadal_kernel_space(kernel));
		memset(printer->running, 0, sizeof(printer->running));
		hadal_running(kernel, note_running, printer);
		if (is_running(printer, &row)) {
			print_none(printer, &row, "a CPU executes it");
			return;
		}
		if (!hadal_unwind_task(printer->unwinder, row.task, &printer->stack) &&
		    printer->stack.end == HADAL_STACK_WHOLE)
			break;
	}
	if (printer->stack.count) {
		print_stack(printer, &row);
	} else {
		print_none(printer, &row, "its stack cannot be read");
		printer->lost++;
	}
}

static int print_tasks(struct printer *printer, struct hadal_kernel *kernel,
		       struct hadal_error *error)
{
	const struct cli_where *where = &printer->options->where;
	bool all = where->space != CLI_SPACE_PROCESS;
	size_t found = 0;

	for (size_t i = 0; i < printer->list.count; i++) {
		const struct hadal_process *process = &printer->list.items[i];

		if (!all && (uint64_t)process->tgid != where->pid &&
		    (uint64_t)process->pid != where->pid)
			continue;
		print_task(printer, kernel, process);
		found++;
	}
	if (!found && !all)
		return cli_no_process(where->pid, printer->list.lost, error);
	return 0;
}

/* The task that the CPU executes; one that no list has is the CPU's idle task. */
static struct row row_of_cpu(struct printer *printer, uint64_t cpu, char idle[32])
{
	struct row row = {.name = idle, .cpu = cpu, .task = printer->running[cpu]};

	snprintf(idle, 32, "swapper/%" PRIu64, cpu);
	for (size_t i = 0; row.task && i < printer->list.count; i++)
		if (printer->list.items[i].task == row.task) {
			row = row_of(&printer->list.items[i]);
			row.cpu = cpu;
		}
	return row;
}

static int print_paused(struct printer *printer, struct hadal *hadal, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	uint64_t cpu = printer->options->cpu;
	struct hadal_regs regs;
	char idle[32];
	struct row row;
	int result = hadal_regs(hadal, cpu, &regs, error);

	if (result)
		return result;
	hadal_space_flush(hadal_kernel_space(kernel));
	hadal_running(kernel, note_running, printer);
	hadal_unwind(printer->unwinder,
		     &(struct hadal_frame_start){.rip = regs.rip,
						 .rsp = regs.rsp,
						 .rbp = regs.rbp,
						 .rdx = regs.rdx,
						 .rdi = regs.rdi,
						 .r10 = regs.r10,
						 .r13 = regs.r13},
		     &printer->stack);
	row = row_of_cpu(printer, cpu, idle);
	if (printer->stack.count)
		print_stack(printer, &row);
	else
		print_none(printer, &row, "it is in user space");
	return 0;
}

/* The CPU is held meanwhile, so that registers and stack belong together. */
static int print_cpu(struct printer *printer, struct hadal_kernel *kernel,
		     struct hadal_error *error)
{
	unsigned int cpu = printer->options->cpu;
	struct hadal *hadal;
	int result = hadal_open(&hadal, error);

	if (result)
		return result;
	result = cli_leave_cpu(cpu, error);
	if (!result)
		result = hadal_pause(hadal, cpu, PAUSE_MS, error);
	if (!result)
		result = print_paused(printer, hadal, kernel, error);
	hadal_close(hadal);
	return result;
}

static int print_stacks(struct printer *printer, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	const struct options *options = printer->options;
	int result = hadal_processes(kernel, true, &printer->list, error);

	/* Those that something hides have stacks too. */
	if (!result)
		result = hadal_processes_check(kernel, true, &printer->list, error);
	if (result)
		return result;
	cli_printer_begin(&printer->records, &kind, &options->where, NULL, NULL);
	result = options->cpu == CPU_NONE ? print_tasks(printer, kernel, error)
					  : print_cpu(printer, kernel, error);
	if (!result && printer->lost)
		result = hadal_fail(error, EFAULT,
				    "%zu stack%s not whole: \"end\" in --json tells why",
				    printer->lost, printer->lost > 1 ? "s are" : " is");
	if (!result)
		cli_warn_lost(printer->list.lost, "processes");
	return result;
}

static int list_stacks(struct hadal_kernel *kernel, void *ctx, struct hadal_error *error)
{
	struct printer printer = {.options = ctx};
	int result = -ENOENT;

	printer.unwinder = hadal_unwinder_new(kernel, error);
	if (printer.unwinder)
		printer.symbolizer = hadal_symbolizer_new(kernel, error);
	if (printer.symbolizer)
		result = print_stacks(&printer, kernel, error);
	hadal_processes_free(&printer.list);
	hadal_symbolizer_free(printer.symbolizer);
	hadal_unwinder_free(printer.unwinder);
	return result;
}

static void set_defaults(void *data)
{
	((struct options *)data)->cpu = CPU_NONE;
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->cpu == CPU_NONE)
		return NULL;
	if (options->where.image)
		return "--cpu and --image exclude each other";
	return options->where.space == CLI_SPACE_PROCESS ? "--cpu and --pid exclude each other"
							 : NULL;
}

static int run(void *data)
{
	struct options *options = data;

	return cli_kernel_run(options->where.image, list_stacks, options);
}

static const struct cli_option options_table[] = {
	CLI_OPTION_NUMBER(
		'c', "cpu", "CPU",
		"Print the stack of what this CPU executes, which is held for that moment", cpu, 0,
		HADAL_MAX_CPUS - 1),
	{0},
};

const struct cli_command command_stack = {
	.name = "stack",
	.group = CLI_GROUP_KERNEL,
	.summary = "print kernel stacks of tasks and CPUs",
	.about = "Print where tasks wait in the kernel, and who called whom to get there, as "
		 "/proc/PID/stack does, but as the kernel's own memory has it: by its ORC tables "
		 "and those of its modules. Without an option these are the stacks of all threads.",
	.more = "Of a task that a CPU executes at the moment, only --cpu can print the stack. The "
		"exit status is 1 when a stack is not whole.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_LIST | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
