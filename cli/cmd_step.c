// SPDX-License-Identifier: MIT
/* hadal step */
#include "disas/disas.h"
#include "event_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define CODE_BYTES 16
#define RFLAGS     16
#define FS_BASE    (RFLAGS + 1)
#define GS_BASE    (RFLAGS + 2)
#define REGISTERS  (RFLAGS + 3)
/* Threads whose registers are remembered. */
#define THREADS 64

struct options {
	int syntax; /* which of att and intel */
	struct event_limits limits;
	struct cli_where where;
};

/* In the order of struct hadal_event_registers. */
#define NAME(NAME, member, type, text) #member,
static const char *const register_names[] = {HADAL_GENERAL_REGISTERS(NAME, NAME) "rflags",
					     "fs_base", "gs_base"};
#undef NAME

/* What a thread had after the last instruction that was told. */
struct thread {
	uint64_t task;
	uint64_t values[REGISTERS];
};

struct row {
	struct event_row common;
	struct hadal_instruction instruction;
	bool decoded;
	bool known; /* what it had before */
	uint64_t before[REGISTERS], after[REGISTERS];
};

struct stepper {
	const struct options *options;
	struct event_printer printer;
	struct event_follow follow;
	struct hadal_disassembler *disassembler;
	struct thread threads[THREADS];
	unsigned next; /* the one that is forgotten next */
};

static bool make_rip(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%#" PRIx64, row->common.event->address);
	return true;
}

static bool make_next(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	event_place(row->common.printer, row->common.event->rip, text, size);
	return true;
}

static bool make_instruction(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%s%s%s", row->instruction.mnemonic,
		 row->instruction.operands[0] ? " " : "", row->instruction.operands);
	return row->decoded;
}

static bool make_end(const void *record, void *ctx, char *text, size_t size)
{
	const struct hadal_event *event = ((const struct row *)record)->common.event;
	const char *end = event->flags & HADAL_RECORD_FAULTED ? "fault"
			  : event->cpl < 3                    ? "kernel"
							      : NULL;

	(void)ctx;
	if (end)
		snprintf(text, size, "%s", end);
	return end;
}

static struct json_object *json_resumed(const void *record, void *ctx)
{
	const struct row *row = record;

	(void)ctx;
	return json_object_new_boolean(row->common.event->flags & HADAL_RECORD_RESUMED);
}

static bool make_changed(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	size_t used = 0;

	(void)ctx;
	text[0] = '\0';
	for (size_t i = 0; row->known && i < REGISTERS && used < size; i++)
		if (row->before[i] != row->after[i])
			used += snprintf(text + used, size - used, "%s%s=%#" PRIx64,
					 used ? " " : "", register_names[i], row->after[i]);
	return used;
}

static struct json_object *json_changed(const void *record, void *ctx)
{
	const struct row *row = record;
	struct json_object *object;
	char text[24];

	(void)ctx;
	if (!row->known)
		return NULL;
	object = json_object_new_object();
	for (size_t i = 0; i < REGISTERS; i++) {
		if (row->before[i] == row->after[i])
			continue;
		snprintf(text, sizeof(text), "%#" PRIx64, row->after[i]);
		json_object_object_add(object, register_names[i], json_object_new_string(text));
	}
	return object;
}

static const struct cli_column columns[] = {
	EVENT_COLUMNS_WHO,
	{"rip", "WHERE", 18, CLI_COLUMN_MADE, 0, make_rip, NULL, "`0x...`: of the instruction"},
	{"instruction", "INSTRUCTION", -36, CLI_COLUMN_MADE, 0, make_instruction, NULL,
	 "the instruction; not there where its bytes cannot be read any more"},
	{"next", NULL, 18, CLI_COLUMN_MADE, 0, make_next, NULL,
	 "where it leads to: an address, `0x...`, or a symbol of the kernel"},
	{"end", "END", -6, CLI_COLUMN_MADE, 0, make_end, NULL,
	 "`fault`: it has raised an exception instead of completing, `kernel`: it leads there; "
	 "else not there"},
	{"resumed", NULL, 7, CLI_COLUMN_JSON, 0, NULL, json_resumed,
	 "true or false: true for the first one behind the kernel, which may have changed "
	 "registers too"},
	{"changed", "CHANGED", 0, CLI_COLUMN_JSON, 0, make_changed, json_changed,
	 "object of the registers that differ from those behind the instruction printed before, "
	 "each "
	 "`0x...`; not there for the first one"},
	{0},
};

static const struct cli_record_kind kind = {.name = "step", .columns = columns};

static void take_registers(struct stepper *stepper, uint64_t task,
			   const struct hadal_event_registers *registers, struct row *row)
{
	struct thread *thread = NULL;

	_Static_assert(sizeof(*registers) == sizeof(row->after), "one after the other");
	for (size_t i = 0; !thread && i < THREADS; i++)
		if (stepper->threads[i].task == task)
			thread = &stepper->threads[i];
	row->known = thread;
	if (!thread)
		thread = &stepper->threads[stepper->next++ % THREADS];
	thread->task = task;
	memcpy(row->before, thread->values, sizeof(row->before));
	memcpy(row->after, registers, sizeof(row->after));
	memcpy(thread->values, registers, sizeof(thread->values));
}

static void print_step(void *ctx, const struct hadal_subscription *asked,
		       const struct hadal_event *event)
{
	struct stepper *stepper = ctx;
	const struct hadal_event_registers *registers =
		hadal_event_part(asked, event, HADAL_CAPTURE_REGISTERS);
	const uint8_t *code = hadal_event_part(asked, event, HADAL_CAPTURE_CODE);
	const uint64_t *task = hadal_event_part(asked, event, HADAL_CAPTURE_TASK);
	struct row row = {.common = event_row_of(&stepper->printer, asked, event)};

	if (event->kind == HADAL_EVENT_NOTICE) {
		event_print_notice(event);
		return;
	}
	if (!registers || !code || !task)
		return;
	row.decoded = hadal_disassemble(stepper->disassembler, event->address, code, CODE_BYTES,
					&row.instruction);
	take_registers(stepper, *task, registers, &row);
	cli_printer_print(&stepper->printer.printer, &row);
}

/* A process that has ended executes nothing; one that nobody has waited for has no program. */
static bool has_ended(void *ctx)
{
	const struct stepper *stepper = ctx;
	char path[64], program[1];

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/exe", stepper->options->where.pid);
	return readlink(path, program, sizeof(program)) < 0 && errno == ENOENT;
}

static int follow_steps(struct stepper *stepper, const struct cli_target *source,
			struct hadal_error *error)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_STEP,
		.access = HADAL_ACCESS_EXECUTE,
		.root = source->space->root,
		.capture = HADAL_CAPTURE_REGISTERS | HADAL_CAPTURE_CODE,
	};
	int result = event_follow_open(&stepper->follow, EVENT_STEP_RING_BYTES, error);

	if (result)
		return result;
	event_printer_want(&stepper->printer, &asked);
	event_printer_begin(&stepper->printer, &kind, &stepper->options->where);
	result = event_follow_add(&stepper->follow, &asked, 0, error);
	if (result < 0)
		return result;
	return event_follow_run(&stepper->follow, error);
}

static int disassemble_steps(void *ctx, struct cli_target *source, struct hadal_error *error)
{
	struct stepper *stepper = ctx;
	int result;

	stepper->disassembler = hadal_disassembler_new(stepper->options->syntax, error);
	if (!stepper->disassembler)
		return -ENOENT;
	result = follow_steps(stepper, source, error);
	hadal_disassembler_free(stepper->disassembler);
	return result;
}

static int run(void *data)
{
	static struct stepper stepper;
	const struct options *options = data;

	stepper.options = options;
	stepper.follow = (struct event_follow){.limits = &options->limits,
					       .printer = &stepper.printer,
					       .work = disassemble_steps,
					       .print = print_step,
					       .ended = has_ended,
					       .ctx = &stepper};
	return event_follow_main(&stepper.follow, &options->where);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->limits.cpu = EVENT_ANY_CPU;
}

static const char *check(void *data)
{
	const struct options *options = data;

	if (options->where.space != CLI_SPACE_PROCESS)
		return "--pid is needed";
	return options->where.pid == (uint64_t)getpid() ? "--pid is this very process" : NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_WORD(0, "syntax", "SYNTAX", "att (default) or intel", syntax, "att|intel"),
	EVENT_OPTIONS,
	{0},
};

const struct cli_command command_step = {
	.name = "step",
	.group = CLI_GROUP_EVENTS,
	.summary = "print each instruction that a process executes",
	.about = "Print each instruction that a process executes in user mode, in all its threads, "
		 "with the registers that it has changed, until Ctrl-C or the end of the process. "
		 "The process is not held, and sees nothing of it.",
	.more = "  hadal step --pid 133 --count 1000\n"
		"  hadal step --pid 133 --seconds 1 --budget 20 --json\n"
		"\n"
		"What the kernel does for the process is not printed: a system call is one "
		"instruction, and so is a repeated string instruction. Each instruction costs an "
		"exit, so that the process runs about a thousand times slower. What comes faster "
		"than it can be printed is lost, and then the exit status is 1.",
	.options = options_table,
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
