// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Stacks of a kernel with ORC tables: sound, through a module and an interrupt, and broken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "unit.h"
#include "unwind/orc.h"
#include "unwind/unwind.h"

/* Offsets of functions in the text. */
#define SLEEPER   0x1000u
#define CALLER    0x1100u
#define BY_BP     0x1200u
#define INTERRUPT 0x1300u
#define REGISTERS 0x1400u
#define FIRST     0x1500u

#define STACK_WORDS 64

/* Types of entries before 6.4 and since. */
enum { CALL, REGS, REGS_PARTIAL };
#define SINCE 2

struct fixture {
	struct machine *machine;
	struct hadal_unwinder *unwinder;
	struct hadal_stack stack;
	uint64_t task, stack_at, module_at;
	uint64_t *words; /* of the stack, from its lowest on */
};

static void add(struct fixture *fixture, bool since, uint64_t offset, unsigned type,
		int16_t sp_offset, unsigned sp_reg, unsigned bp_reg, int16_t bp_offset)
{
	struct machine_orc orc = {
		.sp_offset = sp_offset, .bp_offset = bp_offset, .sp_reg = sp_reg, .bp_reg = bp_reg};

	/* The type is one bit wider since, at the place of the end. */
	type += since ? SINCE : 0;
	orc.type = type & 3;
	orc.end = type >> 2;
	machine_add_orc(fixture->machine, offset, &orc);
}

static struct fixture *make(const struct machine_options *options)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct machine *machine = machine_new(options);
	bool since = options->new_modules;
	struct machine_orc end = {.type = since, .end = !since};
	struct machine_orc in_module = {.sp_offset = 16, .sp_reg = HADAL_ORC_SP};

	fixture->machine = machine;
	add(fixture, since, SLEEPER, CALL, 16, HADAL_ORC_SP, HADAL_ORC_PREV_SP, -16);
	add(fixture, since, CALLER, CALL, 24, HADAL_ORC_SP, HADAL_ORC_UNDEFINED, 0);
	add(fixture, since, BY_BP, CALL, 16, HADAL_ORC_BP, HADAL_ORC_PREV_SP, -16);
	add(fixture, since, INTERRUPT, REGS_PARTIAL, 8, HADAL_ORC_SP, HADAL_ORC_UNDEFINED, 0);
	add(fixture, since, REGISTERS, REGS, 0, HADAL_ORC_SP, HADAL_ORC_UNDEFINED, 0);
	machine_add_orc(machine, FIRST, &end);
	fixture->stack_at = machine_new_object(machine, STACK_WORDS * 8);
	fixture->words = machine_at(machine, fixture->stack_at);
	fixture->task = machine_add_task(machine, 7, "sleeper", 0);
	fixture->module_at = machine->base + (3ull << 20);
	in_module.type = since ? SINCE : 0;
	machine_module_orc(machine, machine_add_module(machine, "mod", fixture->module_at),
			   &in_module);
	((struct machine_task *)machine_at(machine, fixture->task))->sp = fixture->stack_at;
	fixture->unwinder = hadal_unwinder_new(machine_open(machine), NULL);
	return fixture;
}

static void drop(struct fixture *fixture)
{
	hadal_unwinder_free(fixture->unwinder);
	machine_free(fixture->machine);
	free(fixture);
}

static uint64_t code(const struct fixture *fixture, uint64_t offset)
{
	return fixture->machine->base + offset + 0x10;
}

static void start_at(struct fixture *fixture, const struct hadal_frame_start *start)
{
	hadal_space_flush(hadal_kernel_space(fixture->machine->kernel));
	hadal_unwind(fixture->unwinder, start, &fixture->stack);
}

static int wait_at(struct fixture *fixture)
{
	hadal_space_flush(hadal_kernel_space(fixture->machine->kernel));
	return hadal_unwind_task(fixture->unwinder, fixture->task, &fixture->stack);
}

/* The frames' addresses must be these, up to a 0. */
static void expect(struct fixture *fixture, enum hadal_stack_end end, const uint64_t *frames)
{
	size_t count = 0;

	while (frames[count])
		count++;
	assert_int_equal(fixture->stack.end, end);
	assert_int_equal(fixture->stack.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fixture->stack.frames[i].rip, frames[i]);
}

/*
 * The task waits in the first function, which a module called, which the function by BP called.
 */
static void lay_out(struct fixture *fixture)
{
	uint64_t *words = fixture->words;
	uint64_t at = fixture->stack_at;

	words[1] = 0x1234; /* BP of the sleeper */
	words[2] = code(fixture, SLEEPER);
	words[3] = at + 12 * 8; /* BP that it has saved */
	words[4] = fixture->module_at + 0x20;
	words[6] = code(fixture, BY_BP);
	words[12] = 0;
	words[13] = code(fixture, CALLER);
	words[16] = code(fixture, FIRST);
}

static void waits_through_a_module(const struct machine_options *options)
{
	struct fixture *fixture = make(options);
	const uint64_t frames[] = {code(fixture, SLEEPER), fixture->module_at + 0x20,
				   code(fixture, BY_BP),   code(fixture, CALLER),
				   code(fixture, FIRST),   0};

	assert_non_null(fixture->unwinder);
	lay_out(fixture);
	assert_int_equal(wait_at(fixture), 0);
	expect(fixture, HADAL_STACK_WHOLE, frames);
	assert_true(fixture->stack.frames[0].returned);
	assert_int_equal(fixture->stack.frames[0].rsp, fixture->stack_at + 3 * 8);
	drop(fixture);
}

static void a_task_that_waits_is_unwound(void **state)
{
	(void)state;
	waits_through_a_module(&(struct machine_options){0});
	waits_through_a_module(&(struct machine_options){.new_modules = true});
}

static void an_interrupt_leads_to_what_it_interrupted(void **state)
{
	struct fixture *fixture = make(&(struct machine_options){0});
	uint64_t *words = fixture->words;
	struct machine_regs regs = {
		.bp = 0x77, .ip = code(fixture, SLEEPER), .sp = fixture->stack_at + 40 * 8};
	struct hadal_frame_start start = {.rip = code(fixture, REGISTERS),
					  .rsp = fixture->stack_at};
	const uint64_t frames[] = {start.rip, regs.ip, code(fixture, FIRST), 0};

	(void)state;
	memcpy(words, &regs, sizeof(regs));
	words[41] = code(fixture, FIRST);
	start_at(fixture, &start);
	expect(fixture, HADAL_STACK_WHOLE, frames);
	assert_false(fixture->stack.frames[1].returned);
	/* Where it interrupted a program, that is the end. */
	((struct machine_regs *)words)->cs = 0x33;
	start_at(fixture, &start);
	expect(fixture, HADAL_STACK_WHOLE, (uint64_t[]){start.rip, 0});
	/* What the processor pushed alone. */
	start.rip = code(fixture, INTERRUPT);
	words[1] = code(fixture, FIRST);
	words[2] = 0x10;
	words[4] = fixture->stack_at + 40 * 8;
	start_at(fixture, &start);
	expect(fixture, HADAL_STACK_WHOLE, (uint64_t[]){start.rip, code(fixture, FIRST), 0});
	start.rip = 0x401000;
	start_at(fixture, &start);
	assert_int_equal(fixture->stack.count, 0);
	drop(fixture);
}

static void what_is_broken_ends_and_says_so(void **state)
{
	struct fixture *fixture = make(&(struct machine_options){0});
	uint64_t *words = fixture->words;
	struct machine_task *task = machine_at(fixture->machine, fixture->task);
	struct hadal_frame_start start = {.rip = code(fixture, BY_BP)};

	(void)state;
	lay_out(fixture);
	words[4] = fixture->machine->base + (5ull << 20); /* code that no table has */
	assert_int_equal(wait_at(fixture), 0);
	assert_int_equal(fixture->stack.end, HADAL_STACK_NO_CODE);
	assert_int_equal(fixture->stack.count, 2);
	words[4] = code(fixture, BY_BP);
	words[3] = 0x5000; /* a frame that is not there */
	assert_int_equal(wait_at(fixture), 0);
	assert_int_equal(fixture->stack.end, HADAL_STACK_BROKEN);
	assert_non_null(hadal_stack_end_text(fixture->stack.end));
	/* A frame that is its own caller. */
	start.rbp = fixture->stack_at;
	words[0] = start.rbp;
	words[1] = start.rip;
	start_at(fixture, &start);
	assert_int_equal(fixture->stack.end, HADAL_STACK_LONG);
	assert_int_equal(fixture->stack.count, HADAL_FRAMES_MAX);
	task->sp = 0;
	assert_int_equal(wait_at(fixture), -EFAULT);
	assert_int_equal(fixture->stack.count, 0);
	drop(fixture);
}

static void a_kernel_without_tables_is_named(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){.no_orc = true});
	struct hadal_error error;

	(void)state;
	assert_null(hadal_unwinder_new(machine_open(machine), &error));
	assert_non_null(strstr(error.text, "CONFIG_UNWINDER_ORC"));
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_task_that_waits_is_unwound),
		cmocka_unit_test(an_interrupt_leads_to_what_it_interrupted),
		cmocka_unit_test(what_is_broken_ends_and_says_so),
		cmocka_unit_test(a_kernel_without_tables_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
