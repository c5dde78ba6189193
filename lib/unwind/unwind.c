// SPDX-License-Identifier: MIT
/*
 * Goes up a stack of kernel code, frame by frame, as the kernel's ORC tables tell. What is on the
 * stack is the guest's: every step must go up, and there is a limit to their number.
 */
#include "unwind/unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unwind/orc.h"
#include "walk/plan.h"

/* What the processor pushes at an interrupt: RIP, CS, RFLAGS, RSP, SS. */
#define FRAME_CS  8
#define FRAME_RSP 24

enum need {
	THREAD_SP,
	SLEEP_BP,
	SLEEP_RETURN,
	SLEEP_WHOLE,
	REGS_IP,
	REGS_BP,
	REGS_DX,
	REGS_DI,
	REGS_R10,
	REGS_R13,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[THREAD_SP] = {HADAL_MEMBER("task_struct", "thread.sp")},
	[SLEEP_BP] = {HADAL_MEMBER("inactive_task_frame", "bp")},
	[SLEEP_RETURN] = {HADAL_MEMBER("inactive_task_frame", "ret_addr")},
	[SLEEP_WHOLE] = {HADAL_MEMBER("inactive_task_frame", ".")},
	[REGS_IP] = {HADAL_MEMBER("pt_regs", "ip")},
	[REGS_BP] = {HADAL_MEMBER("pt_regs", "bp")},
	[REGS_DX] = {HADAL_MEMBER("pt_regs", "dx")},
	[REGS_DI] = {HADAL_MEMBER("pt_regs", "di")},
	[REGS_R10] = {HADAL_MEMBER("pt_regs", "r10")},
	[REGS_R13] = {HADAL_MEMBER("pt_regs", "r13")},
};

struct hadal_unwinder {
	struct hadal_plan plan;
	struct hadal_space *space;
	struct hadal_orc_tables *tables;
};

struct state {
	struct hadal_frame_start at;
	bool returned; /* at.rip is a return address */
	bool user;
	const uint8_t *captured; /* the stack from captured_at on; NULL: it is read */
	uint64_t captured_at;
	size_t captured_bytes;
	bool cut; /* what was needed of it is not there */
};

struct hadal_unwinder *hadal_unwinder_new(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_unwinder *unwinder = calloc(1, sizeof(*unwinder));

	if (!unwinder) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	unwinder->space = hadal_kernel_space(kernel);
	unwinder->tables = hadal_orc_open(kernel, error);
	if (unwinder->tables && !hadal_plan_open(&unwinder->plan, kernel, needs, NEEDS, error))
		return unwinder;
	hadal_unwinder_free(unwinder);
	return NULL;
}

void hadal_unwinder_free(struct hadal_unwinder *unwinder)
{
	if (!unwinder)
		return;
	hadal_plan_close(&unwinder->plan);
	hadal_orc_close(unwinder->tables);
	free(unwinder);
}

/* A word of the stack. Returns false when it cannot be read. */
static bool read_word(struct hadal_unwinder *unwinder, struct state *state, uint64_t address,
		      uint64_t *word)
{
	uint64_t offset = address - state->captured_at;

	if (!state->captured)
		return !hadal_space_read_u64(unwinder->space, address, word);
	state->cut = state->captured_bytes < sizeof(*word) ||
		     offset > state->captured_bytes - sizeof(*word);
	if (!state->cut)
		memcpy(word, state->captured + offset, sizeof(*word));
	return !state->cut;
}

/* Where the caller's frame begins. Returns false when it cannot be told. */
static bool frame_start(struct hadal_unwinder *unwinder, const struct hadal_orc *orc,
			struct state *state, uint64_t *start)
{
	const struct hadal_frame_start *at = &state->at;

	switch (orc->sp_base) {
	case HADAL_ORC_SP:
		*start = at->rsp + orc->sp_offset;
		return true;
	case HADAL_ORC_BP:
		*start = at->rbp + orc->sp_offset;
		return true;
	case HADAL_ORC_SP_INDIRECT:
		if (!read_word(unwinder, state, at->rsp, start))
			return false;
		*start += orc->sp_offset;
		return true;
	case HADAL_ORC_BP_INDIRECT:
		return read_word(unwinder, state, at->rbp + orc->sp_offset, start);
	case HADAL_ORC_R10:
		*start = at->r10;
		break;
	case HADAL_ORC_R13:
		*start = at->r13;
		break;
	case HADAL_ORC_DI:
		*start = at->rdi;
		break;
	case HADAL_ORC_DX:
		*start = at->rdx;
		break;
	default:
		return false;
	}
	return *start != 0; /* what was not saved anywhere is 0 */
}

/* The interrupted code's place, from what the processor pushed at address. */
static bool take_interrupt_frame(struct hadal_unwinder *unwinder, uint64_t address,
				 struct state *state)
{
	uint64_t cs;

	if (!read_word(unwinder, state, address, &state->at.rip) ||
	    !read_word(unwinder, state, address + FRAME_CS, &cs) ||
	    !read_word(unwinder, state, address + FRAME_RSP, &state->at.rsp))
		return false;
	state->user = cs & 3;
	state->returned = false;
	return true;
}

/* A register that was saved; 0 when it cannot be read. */
static uint64_t saved(struct hadal_unwinder *unwinder, struct state *state, uint64_t regs,
		      enum need member)
{
	uint64_t value;

	return read_word(unwinder, state, regs + hadal_plan_offset(&unwinder->plan, member), &value)
		       ? value
		       : 0;
}

static bool take_registers(struct hadal_unwinder *unwinder, uint64_t regs, struct state *state)
{
	const struct hadal_plan *plan = &unwinder->plan;
	struct hadal_frame_start *at = &state->at;

	if (!take_interrupt_frame(unwinder, regs + hadal_plan_offset(plan, REGS_IP), state))
		return false;
	at->rbp = saved(unwinder, state, regs, REGS_BP);
	at->rdx = saved(unwinder, state, regs, REGS_DX);
	at->rdi = saved(unwinder, state, regs, REGS_DI);
	at->r10 = saved(unwinder, state, regs, REGS_R10);
	at->r13 = saved(unwinder, state, regs, REGS_R13);
	return true;
}

static bool take_call(struct hadal_unwinder *unwinder, uint64_t start, struct state *state)
{
	if (!read_word(unwinder, state, start - 8, &state->at.rip))
		return false;
	state->at = (struct hadal_frame_start){
		.rip = state->at.rip, .rsp = start, .rbp = state->at.rbp};
	state->returned = true;
	return true;
}

/* Moves state to the caller. start: of its frame. */
static bool take_caller(struct hadal_unwinder *unwinder, const struct hadal_orc *orc,
			uint64_t start, struct state *state)
{
	uint64_t rbp = state->at.rbp;

	if (orc->bp_base == HADAL_ORC_PREV_SP || orc->bp_base == HADAL_ORC_BP) {
		uint64_t base = orc->bp_base == HADAL_ORC_BP ? state->at.rbp : start;

		if (!read_word(unwinder, state, base + orc->bp_offset, &rbp))
			return false;
	}
	switch (orc->kind) {
	case HADAL_ORC_CALL:
		if (!take_call(unwinder, start, state))
			return false;
		break;
	case HADAL_ORC_REGS:
		return take_registers(unwinder, start, state);
	default:
		if (!take_interrupt_frame(unwinder, start, state))
			return false;
	}
	state->at.rbp = rbp;
	return true;
}

/* Moves state to the caller's frame. Returns false with the reason in end when there is none. */
static bool step(struct hadal_unwinder *unwinder, struct state *state, enum hadal_stack_end *end)
{
	uint64_t before = state->at.rsp, start;
	struct hadal_orc orc;
	int result = hadal_orc_find(unwinder->tables, state->at.rip - state->returned, &orc);

	*end = result == -EFAULT ? HADAL_STACK_BROKEN : HADAL_STACK_NO_CODE;
	if (result)
		return false;
	if (orc.kind == HADAL_ORC_END || orc.kind == HADAL_ORC_NOTHING) {
		*end = orc.kind == HADAL_ORC_END ? HADAL_STACK_WHOLE : HADAL_STACK_NO_CODE;
		return false;
	}
	*end = HADAL_STACK_BROKEN;
	state->cut = false;
	if (!frame_start(unwinder, &orc, state, &start) ||
	    !take_caller(unwinder, &orc, start, state)) {
		if (state->cut)
			*end = HADAL_STACK_CUT;
		return false;
	}
	if (state->user) {
		*end = HADAL_STACK_WHOLE;
		return false;
	}
	/* On one stack it goes up; an interrupt's stack leads to another one. */
	return !state->returned || state->at.rsp > before || orc.sp_base != HADAL_ORC_SP;
}

static void unwind(struct hadal_unwinder *unwinder, struct state *state, struct hadal_stack *stack)
{
	stack->count = 0;
	stack->end = HADAL_STACK_WHOLE;
	if (!(state->at.rip >> 63))
		return;
	do {
		stack->frames[stack->count++] = (struct hadal_frame){
			.rip = state->at.rip, .rsp = state->at.rsp, .returned = state->returned};
		if (stack->count == HADAL_FRAMES_MAX) {
			stack->end = HADAL_STACK_LONG;
			return;
		}
	} while (step(unwinder, state, &stack->end));
}

void hadal_unwind(struct hadal_unwinder *unwinder, const struct hadal_frame_start *start,
		  struct hadal_stack *stack)
{
	struct state state = {.at = *start};

	unwind(unwinder, &state, stack);
}

void hadal_unwind_captured(struct hadal_unwinder *unwinder, const struct hadal_frame_start *start,
			   const void *captured, size_t bytes, struct hadal_stack *stack)
{
	struct state state = {.at = *start,
			      .captured = captured,
			      .captured_at = start->rsp,
			      .captured_bytes = bytes};

	unwind(unwinder, &state, stack);
}

int hadal_unwind_task(struct hadal_unwinder *unwinder, uint64_t task, struct hadal_stack *stack)
{
	const struct hadal_plan *plan = &unwinder->plan;
	uint64_t sp = hadal_plan_read(plan, THREAD_SP, task);
	struct state state = {
		.at.rip = hadal_plan_read(plan, SLEEP_RETURN, sp),
		.at.rbp = hadal_plan_read(plan, SLEEP_BP, sp),
		.at.rsp = sp + hadal_plan_size(plan, SLEEP_WHOLE),
		.returned = true,
	};

	stack->count = 0;
	stack->end = HADAL_STACK_BROKEN;
	if (!state.at.rip)
		return -EFAULT;
	unwind(unwinder, &state, stack);
	return 0;
}

const char *hadal_stack_end_text(enum hadal_stack_end end)
{
	switch (end) {
	case HADAL_STACK_NO_CODE:
		return "no table tells how to go on from here";
	case HADAL_STACK_BROKEN:
		return "what lies above is no frame";
	case HADAL_STACK_LONG:
		return "there are more frames";
	case HADAL_STACK_CUT:
		return "the rest of the stack was not captured";
	default:
		return NULL;
	}
}
