// SPDX-License-Identifier: MIT
/* Each instruction of a task in ring 3 is told, and the system above sees nothing of it. */
#include "events/trace.h"
#include "base/errno.h"
#include "base/insn.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

/*
 * In ring 3 an instruction is a step, begun right before the entry: what comes in between, an
 * interrupt, an NMI or an exception, is delivered with the guest's own flags, and leads to the
 * kernel. From there ring 3 is reached by IRET, which exits, or by SYSRET, which does not exist
 * without EFER.SCE. Other address spaces are reached by a write of CR3.
 */

/* A whole vCPU, whatever it executes. */
static int check_cpu(const struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	if (asked->count != 1 || asked->action != HADAL_ACTION_HOLD)
		return -EINVAL;
	if (asked->first >= machine.cpu_count || !vcpu_at(asked->first)->running)
		return -ENXIO;
	return asked->first == vcpu->index ? -EDEADLK : 0;
}

int trace_check(const struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	uint64_t root = asked->root & PT_ADDRESS;

	if (!asked->root && asked->count)
		return check_cpu(vcpu, asked);
	if (asked->first || asked->count || asked->action == HADAL_ACTION_HOLD)
		return -EINVAL;
	return root && !(root >> machine.physical_bits) && memory_is_ram(root) ? 0 : -EINVAL;
}

void trace_look_again(struct vcpu *vcpu)
{
	__atomic_fetch_or(&vcpu->requests, REQUEST_TRACE, __ATOMIC_RELAXED);
}

static bool is_traced(struct vcpu *vcpu)
{
	for (uint64_t mask = events_of(HADAL_EVENT_STEP); mask; mask &= mask - 1) {
		const struct subscription *s = events_at(__builtin_ctzll(mask));

		if (s && s->asked.root && is_address_space(vcpu, s->asked.root))
			return true;
	}
	return false;
}

/* One that steps this vCPU, and has not begun to: from now on it is as if an event had been
 * answered with a step. */
static void begin_asked(struct vcpu *vcpu)
{
	struct hold *hold = &vcpu_events(vcpu)->hold;
	const struct subscription *for_whom = events_at(hold->index);

	if (hold->steps && for_whom && for_whom->number == hold->subscription)
		return;
	for (uint64_t mask = events_of(HADAL_EVENT_STEP); mask; mask &= mask - 1) {
		struct subscription *s = events_at(__builtin_ctzll(mask));

		if (!s || s->asked.root || s->asked.first != vcpu->index || s->begun)
			continue;
		s->begun = true;
		hold->index = s->index;
		hold->subscription = s->number;
		hold->steps = true;
		return;
	}
}

/* What an answer, or a subscription, wants to be stepped: now, or when what is queued is on its
 * way. */
static void step_held(struct vcpu *vcpu, bool leaves)
{
	if (leaves) {
		trace_look_again(vcpu);
		return;
	}
	events_begin(vcpu);
	step_over(vcpu, NULL);
}

static void set_traps(struct vcpu *vcpu, bool interrupts, bool returns)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	/* VT-x wants to be asked anew after each. */
	if (!returns && !trace->has_returns && trace->has_interrupts == interrupts)
		return;
	trace->has_interrupts = interrupts;
	trace->has_returns = returns;
	vendor->trap(vcpu, interrupts, returns);
}

void trace_show_calls(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	if (!trace->hides_calls)
		return;
	trace->hides_calls = false;
	vcpu_set(vcpu, REG_EFER, vcpu_get(vcpu, REG_EFER) | EFER_SCE);
	trace_look_again(vcpu);
}

static void hide_calls(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;
	uint64_t efer = vcpu_get(vcpu, REG_EFER);

	if (trace->hides_calls || !(efer & EFER_SCE))
		return;
	trace->hides_calls = true;
	vcpu_set(vcpu, REG_EFER, efer & ~EFER_SCE);
}

/* A step that is not for somebody else too, who has other tables or exits for it. */
static bool is_own_step(struct vcpu *vcpu)
{
	const struct vcpu_events *events = vcpu_events(vcpu);

	return vcpu->stepping && !events->step.is_delivery && !events->step.done &&
	       !events->suspended;
}

void vcpu_trace_end(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	if (trace->state == TRACE_OFF)
		return;
	if (trace->state == TRACE_USER && is_own_step(vcpu))
		step_cancel(vcpu);
	trace_show_calls(vcpu);
	set_traps(vcpu, false, false);
	trace->state = TRACE_OFF;
}

static void in_kernel(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	trace->state = TRACE_KERNEL;
	trace->resumed = true;
	hide_calls(vcpu);
	set_traps(vcpu, false, !vcpu->stepping);
}

static void in_user(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	trace_show_calls(vcpu);
	if (vcpu->stepping)
		return;
	trace->state = TRACE_USER;
	trace->rip = vcpu->rip;
	set_traps(vcpu, vcpu->rflags & RFLAGS_IF, false);
	events_begin(vcpu);
	step_over(vcpu, NULL);
}

void vcpu_attend_trace(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;
	bool leaves = trace->interrupt_due || vendor->event_queued(vcpu);

	__atomic_fetch_and(&vcpu->requests, ~REQUEST_TRACE, __ATOMIC_RELAXED);
	trace->interrupt_due = false;
	if (events_of(HADAL_EVENT_STEP) && !vcpu->stepping)
		begin_asked(vcpu);
	if (vcpu_events(vcpu)->hold.steps && !vcpu->stepping)
		step_held(vcpu, leaves);
	if (!is_traced(vcpu))
		vcpu_trace_end(vcpu);
	else if (leaves || vcpu_get(vcpu, REG_CPL) != 3)
		in_kernel(vcpu);
	else
		in_user(vcpu);
}

/* A repeated instruction traps behind each round, and is told behind the last one. */
static bool is_round(struct vcpu *vcpu, const struct trace *trace)
{
	uint8_t code[INSN_MAX_BYTES];

	return vcpu->rip == trace->rip &&
	       step_is_repeated(code, vcpu_fetch(vcpu, vcpu->rip, code, sizeof(code)));
}

void trace_stepped(struct vcpu *vcpu, enum step_end end)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;
	struct happening what = {
		.kind = HADAL_EVENT_STEP,
		.access = HADAL_ACCESS_EXECUTE,
		.address = trace->rip,
	};

	if (trace->state == TRACE_OFF)
		return;
	trace_look_again(vcpu);
	if (trace->state != TRACE_USER || end == STEP_UNDONE)
		return;
	if (end == STEP_FAULTED)
		what.flags |= HADAL_RECORD_FAULTED;
	else if (is_round(vcpu, trace))
		return;
	if (trace->resumed)
		what.flags |= HADAL_RECORD_RESUMED;
	trace->resumed = false;
	events_record(vcpu, &what, events_match(vcpu, &what, events_of(HADAL_EVENT_STEP)));
}

/*
 * It is delivered with the next entry, which is not one of a step. When the step is for somebody
 * else too, who has told of its instruction already, it waits until that is done.
 */
bool trace_interrupt(struct vcpu *vcpu)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	if (!trace->has_interrupts)
		return false;
	if (vcpu->stepping && !is_own_step(vcpu)) {
		set_traps(vcpu, false, trace->has_returns);
		step_hold_interrupts(vcpu);
		return true;
	}
	trace->interrupt_due = true;
	if (vcpu->stepping)
		step_cancel(vcpu);
	trace_look_again(vcpu);
	return true;
}

/* Where IRET exits before it is done it is a step of its own. */
bool trace_return(struct vcpu *vcpu, enum verdict *verdict)
{
	struct trace *trace = &vcpu_events(vcpu)->trace;

	if (!trace->has_returns)
		return false;
	if (vcpu->exit.kind != HADAL_EXIT_IRET) {
		trace_look_again(vcpu);
		return false;
	}
	set_traps(vcpu, false, false);
	*verdict = step_over(vcpu, NULL);
	return true;
}

bool trace_undefined(struct vcpu *vcpu, enum verdict *verdict)
{
	if (!vcpu_events(vcpu)->trace.hides_calls)
		return false;
	trace_show_calls(vcpu);
	if (!step_is_system_call(vcpu))
		return false;
	*verdict = step_over(vcpu, NULL);
	return true;
}

void vcpu_trace_pause(struct vcpu *vcpu)
{
	if (vcpu_events(vcpu)->trace.state == TRACE_OFF)
		return;
	if (is_own_step(vcpu))
		step_cancel(vcpu);
	trace_show_calls(vcpu);
}

void vcpu_trace_hide(struct vcpu *vcpu, struct hadal_regs *regs)
{
	const struct vcpu_events *events = vcpu_events(vcpu);

	if (events->trace.hides_calls)
		regs->efer |= EFER_SCE;
	if (vcpu->stepping && !events->step.is_delivery)
		regs->rflags = (regs->rflags & ~events->step.held) |
			       (vcpu->step_flags & events->step.held);
}
