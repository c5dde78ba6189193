// SPDX-License-Identifier: MIT
/* hadal break */
#include "event_follow.h"
#include "event_target.h"
#include "show/condition.h"
#include "text.h"
#include "unwind/unwind.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Most system calls need less of their stack. */
#define STACK_BYTES HADAL_STACK_MAX
#define PLACE_MAX   (HADAL_SYMBOL_NAME_MAX + 2 * HADAL_MODULE_NAME_MAX)

struct options {
	const char *address;
	const char *condition; /* NULL: none */
	bool backtrace, registers, explain;
	int method; /* enum hadal_break_method */
	struct event_limits limits;
	struct cli_where where;
};

struct row {
	struct event_row common;
	const struct hadal_event_registers *registers; /* NULL: not asked for */
	const struct hadal_stack *stack;               /* the same */
};

struct breakpoint {
	const struct options *options;
	struct event_target target;
	struct event_printer printer;
	struct event_follow follow;
	struct hadal_unwinder *unwinder;
	struct hadal_stack stack;
};

/* As the processor numbers them. */
static const char *const register_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
					     "rsi", "rdi", "r8",  "r9",  "r10", "r11",
					     "r12", "r13", "r14", "r15"};

static struct json_object *hex_json(uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%#" PRIx64, value);
	return json_object_new_string(text);
}

static struct json_object *json_registers(const void *record, void *ctx)
{
	const struct hadal_event_registers *registers = ((const struct row *)record)->registers;
	struct json_object *object;

	(void)ctx;
	if (!registers)
		return NULL;
	object = json_object_new_object();
	for (size_t i = 0; i < 16; i++)
		json_object_object_add(object, register_names[i], hex_json(registers->general[i]));
	json_object_object_add(object, "rflags", hex_json(registers->rflags));
	json_object_object_add(object, "fs_base", hex_json(registers->fs_base));
	json_object_object_add(object, "gs_base", hex_json(registers->gs_base));
	return object;
}

/* What a frame is called, or its address. */
static void frame_place(struct event_printer *printer, const struct hadal_frame *frame,
			char text[PLACE_MAX])
{
	bool named =
		frame->returned
			? hadal_symbolize_return(printer->symbolizer, frame->rip, text, PLACE_MAX)
			: hadal_symbolize(printer->symbolizer, frame->rip, text, PLACE_MAX);

	if (!named)
		snprintf(text, PLACE_MAX, "%#" PRIx64, frame->rip);
}

static struct json_object *json_backtrace(const void *record, void *ctx)
{
	const struct row *row = record;
	struct json_object *frames;
	char place[PLACE_MAX];

	(void)ctx;
	if (!row->stack)
		return NULL;
	frames = json_object_new_array();
	for (size_t i = 0; i < row->stack->count; i++) {
		struct json_object *frame = json_object_new_object();

		frame_place(row->common.printer, &row->stack->frames[i], place);
		json_object_object_add(frame, "address", hex_json(row->stack->frames[i].rip));
		json_object_object_add(frame, "place", json_object_new_string(place));
		json_object_array_add(frames, frame);
	}
	return frames;
}

static bool make_end(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;
	const char *end = row->stack ? hadal_stack_end_text(row->stack->end) : NULL;

	(void)ctx;
	snprintf(text, size, "%s", end ? end : "");
	return end;
}

static bool make_method(const void *record, void *ctx, char *text, size_t size)
{
	const struct row *row = record;

	(void)ctx;
	snprintf(text, size, "%s",
		 row->common.event->number == HADAL_BREAK_DEBUG ? "debug" : "view");
	return true;
}

static const struct cli_column columns[] = {
	EVENT_COLUMNS_WHO,
	{"method", NULL, -6, CLI_COLUMN_MADE, 0, make_method, NULL,
	 "`debug`: a debug register, `view`: an INT3 in a copy of the page that only fetches see"},
	EVENT_COLUMNS_WHERE,
	{"registers", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_registers,
	 "with --registers: object of `rax` to `r15`, `rflags`, `fs_base` and `gs_base`, each "
	 "`0x...`"},
	{"backtrace", NULL, 0, CLI_COLUMN_JSON, 0, NULL, json_backtrace,
	 "with --backtrace: array of objects with `address` (`0x...`) and `place`, the innermost "
	 "first; empty in user space"},
	{"backtrace_end", NULL, 0, CLI_COLUMN_MADE, 0, make_end, NULL,
	 "why the backtrace is not whole; not there when it is"},
	{0},
};

static const struct cli_record_kind kind = {.name = "break", .columns = columns};

static void print_registers(const struct hadal_event_registers *registers)
{
	for (size_t i = 0; i < 16; i++)
		printf("%s%3s %016" PRIx64 "%s", i % 4 ? "" : "            ", register_names[i],
		       registers->general[i], i % 4 == 3 ? "\n" : "  ");
	printf("            rflags %" PRIx64 "  fs_base %" PRIx64 "  gs_base %" PRIx64 "\n",
	       registers->rflags, registers->fs_base, registers->gs_base);
}

static void print_backtrace(struct event_printer *printer, const struct hadal_stack *stack)
{
	const char *end = hadal_stack_end_text(stack->end);
	char place[PLACE_MAX], text[4 * PLACE_MAX];

	for (size_t i = 0; i < stack->count; i++) {
		frame_place(printer, &stack->frames[i], place);
		text_for_terminal(place, strlen(place), text, sizeof(text));
		printf("            #%-2zu %016" PRIx64 " %s\n", i, stack->frames[i].rip, text);
	}
	if (end)
		printf("            (%s)\n", end);
}

static const struct hadal_stack *unwind(struct breakpoint *breakpoint,
					const struct hadal_subscription *asked,
					const struct hadal_event *event,
					const struct hadal_event_registers *registers)
{
	const void *stack = hadal_event_part(asked, event, HADAL_CAPTURE_STACK);

	if (!breakpoint->unwinder || !stack)
		return NULL;
	hadal_unwind_captured(breakpoint->unwinder,
			      &(struct hadal_frame_start){.rip = event->rip,
							  .rsp = registers->general[4],
							  .rbp = registers->general[5],
							  .rdx = registers->general[2],
							  .rdi = registers->general[7],
							  .r10 = registers->general[10],
							  .r13 = registers->general[13]},
			      stack, asked->stack_bytes, &breakpoint->stack);
	return &breakpoint->stack;
}

static void print_hit(void *ctx, const struct hadal_subscription *asked,
		      const struct hadal_event *event)
{
	struct breakpoint *breakpoint = ctx;
	const struct options *options = breakpoint->options;
	struct row row = {.common = event_row_of(&breakpoint->printer, asked, event)};
	const struct hadal_event_registers *registers =
		hadal_event_part(asked, event, HADAL_CAPTURE_REGISTERS);

	if (event->kind == HADAL_EVENT_NOTICE) {
		event_print_notice(event);
		return;
	}
	row.stack = unwind(breakpoint, asked, event, registers);
	row.registers = options->registers ? registers : NULL;
	cli_printer_print(&breakpoint->printer.printer, &row);
	if (options->where.json || options->where.columns)
		return;
	if (row.registers)
		print_registers(row.registers);
	if (row.stack)
		print_backtrace(&breakpoint->printer, row.stack);
}

static int subscribe_error(const struct breakpoint *breakpoint, int code, struct hadal_error *error)
{
	const struct event_target *target = &breakpoint->target;

	switch (code) {
	case -ENXIO:
		return hadal_fail(error, ENXIO, "There is no memory at %s: it is not mapped now",
				  target->name);
	case -EINVAL:
		return hadal_fail(error, EINVAL, "No instruction can be at %#" PRIx64,
				  target->address);
	case -EACCES:
		return hadal_fail(error, EACCES, "%s is the hypervisor's own memory", target->name);
	case -ENOSPC:
		return hadal_fail(error, ENOSPC, "There is no room for another breakpoint%s",
				  breakpoint->options->method == HADAL_BREAK_DEBUG
					  ? ": all debug registers are in use"
					  : "");
	case -EOPNOTSUPP:
		return hadal_fail(error, EOPNOTSUPP,
				  "A breakpoint cannot be made by this method here; try another "
				  "--method");
	default:
		return code;
	}
}

/* Says which method the hypervisor has chosen, and what that means. */
static void explain(struct breakpoint *breakpoint, uint32_t number)
{
	struct hadal_subscription_state state;

	if (hadal_events_state(breakpoint->follow.events, number, &state, NULL))
		return;
	if (state.method == HADAL_BREAK_DEBUG)
		fprintf(stderr,
			"hadal: The breakpoint is in a debug register: %s. No page is changed, and "
			"a hit is one exit. The system's own use of debug registers goes on beside "
			"it; where that takes all four, this one makes way\n",
			breakpoint->options->method ? "asked for"
						    : "one was free, and this costs least");
	else
		fprintf(stderr,
			"hadal: The breakpoint is an INT3 in a copy of the page that only fetches "
			"see: %s. Reads find the original bytes; a hit is an exit, and a step when "
			"the instruction that it replaces cannot be emulated\n",
			breakpoint->options->method ? "asked for" : "no debug register was free");
}

static int break_at(struct breakpoint *breakpoint, uint64_t root, struct hadal_error *error)
{
	const struct options *options = breakpoint->options;
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.first = breakpoint->target.address,
		.count = 1,
		.root = root,
		.method = options->method,
	};
	int result = options->condition
			     ? hadal_condition_parse(options->condition, asked.clause, error)
			     : 0;

	if (result < 0)
		return result;
	asked.clause_count = result;
	if (options->registers || options->backtrace)
		asked.capture |= HADAL_CAPTURE_REGISTERS;
	if (options->backtrace) {
		asked.capture |= HADAL_CAPTURE_STACK;
		asked.stack_bytes = STACK_BYTES;
	}
	event_printer_want(&breakpoint->printer, &asked);
	result = event_follow_add(&breakpoint->follow, &asked, 0, error);
	if (result < 0)
		return subscribe_error(breakpoint, result, error);
	if (options->explain)
		explain(breakpoint, result);
	return 0;
}

static int follow_hits(struct breakpoint *breakpoint, struct cli_target *source,
		       struct hadal_error *error)
{
	const struct options *options = breakpoint->options;
	struct event_target *target = &breakpoint->target;
	int result = event_target_find(source, &options->where, breakpoint->printer.symbolizer,
				       options->address, target, error);

	if (result)
		return result;
	if (!target->space)
		return hadal_fail(error, EINVAL, "%s is a process's address: say whose with --pid",
				  target->name);
	if (target->length && !target->code)
		return hadal_fail(error, EINVAL,
				  "%s is no code; 'hadal watch' tells who accesses memory",
				  target->name);
	if (options->backtrace) {
		breakpoint->unwinder = hadal_unwinder_new(source->kernel.kernel, error);
		if (!breakpoint->unwinder)
			return -ENOENT;
	}
	result = event_follow_open(&breakpoint->follow,
				   options->backtrace ? EVENT_STACK_RING_BYTES : EVENT_RING_BYTES,
				   error);
	if (!result)
		result = break_at(breakpoint, source->user ? source->space->root : 0, error);
	if (result)
		return result;
	event_printer_begin(&breakpoint->printer, &kind, &options->where);
	return event_follow_run(&breakpoint->follow, error);
}

static int unwind_hits(void *ctx, struct cli_target *source, struct hadal_error *error)
{
	struct breakpoint *breakpoint = ctx;
	int result = follow_hits(breakpoint, source, error);

	hadal_unwinder_free(breakpoint->unwinder);
	return result;
}

static int run(void *data)
{
	static struct breakpoint breakpoint;
	const struct options *options = data;

	breakpoint.options = options;
	breakpoint.follow = (struct event_follow){.limits = &options->limits,
						  .printer = &breakpoint.printer,
						  .work = unwind_hits,
						  .print = print_hit,
						  .ctx = &breakpoint};
	return event_follow_main(&breakpoint.follow, &options->where);
}

static void set_defaults(void *data)
{
	struct options *options = data;

	options->limits.cpu = EVENT_ANY_CPU;
}

static const char *check(void *data)
{
	const struct options *options = data;
	struct hadal_clause clauses[HADAL_MAX_CLAUSES];
	struct hadal_error error;

	return options->condition && hadal_condition_parse(options->condition, clauses, &error) < 0
		       ? cli_invalid("CONDITION", options->condition, &error)
		       : NULL;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_TEXT('i', "if", "CONDITION", "Only where this holds, such as 'rdi == 3'",
			condition),
	CLI_OPTION_FLAG('b', "backtrace", "Print who called whom to get there", backtrace),
	CLI_OPTION_FLAG('r', "registers", "Print the registers", registers),
	CLI_OPTION_FLAG('e', "explain", "Say how the breakpoint is made, and why", explain),
	CLI_OPTION_WORD(0, "method", "METHOD",
			"any (default), debug (a debug register) or view (a copy of the page)",
			method, "any|debug|view"),
	EVENT_OPTIONS,
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("ADDRESS", CLI_TEXT, address), {0}};

const struct cli_command command_break = {
	.name = "break",
	.group = CLI_GROUP_EVENTS,
	.summary = "print who executes an instruction",
	.about = "Print each time who is about to execute an instruction, until Ctrl-C; on request "
		 "also the registers and the calls that led there. The system is not held, and "
		 "reads its own bytes there.",
	.more = "ADDRESS is a symbol of the kernel or a module, symbol+offset, or a number; with "
		"--pid also an address of that process.\n"
		"  hadal break do_sys_openat2 --backtrace\n"
		"  hadal break __x64_sys_kill --registers --count 3\n"
		"  hadal break vfs_read --if '(edx & 0xfff) == 0 && *(u32 *)(rdi + 68) != 0'\n"
		"  hadal break --pid 133 0x401136\n"
		"\n"
		"CONDITION compares general registers (64 or 32 bits), rip, rflags, cpu, cpl, cr3, "
		"or memory at a register and an offset with numbers, perhaps masked by &. The "
		"comparisons == != < <= > >= are unsigned; && and || join up to 16 of them. The "
		"exit status is 1 when records were lost.",
	.options = options_table,
	.arguments = arguments,
	.records = &kind,
	.takes = CLI_TAKES_JSON | CLI_TAKES_COLUMNS | CLI_TAKES_PID,
	CLI_OPTIONS_AT(where),
	.defaults = set_defaults,
	.check = check,
	.run = run,
};
