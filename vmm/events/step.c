// SPDX-License-Identifier: MIT
/* Single steps that the guest does not see. */
#include "events/step.h"
#include "base/insn.h"
#include "events/breakpoint.h"
#include "events/trace.h"
#include "events/views.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define RFLAGS_IOPL (3ull << 12)
#define DR6_HITS    0xfull
/* All but NMIs, which never are, and machine checks, which wait for nobody. */
#define ALL_VECTORS (~(1u << VECTOR_NMI | 1u << VECTOR_MC))

/* Instructions that see or set the flags that a step changes. */
enum flags_use {
	USE_NOTHING,
	USE_PUSHES,
	USE_LOADS,
	USE_CLEARS,
	USE_SETS,
	USE_WAITS,
	USE_INT,
	USE_CALL,
	USE_RETURN,
	USE_STACK /* MOV SS: holds the #DB back for one instruction more */
};

static bool is_prefix(uint8_t byte)
{
	return (byte & 0xf0) == 0x40 || byte == 0x66 || byte == 0x67 || byte == 0xf2 ||
	       byte == 0xf3 || (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

/*
 * What the instruction at RIP does to flags. For those that are not stepped *length is set, and
 * *vector: of INT n, for SYSRET whether it has REX.W, for MOV SS the register.
 */
static enum flags_use classify(struct vcpu *vcpu, uint32_t *length, uint8_t *vector)
{
	uint8_t bytes[INSN_MAX_BYTES + 2] = {0};
	size_t count = vcpu_fetch(vcpu, vcpu->rip, bytes, INSN_MAX_BYTES), at = 0;

	while (at < count && is_prefix(bytes[at]))
		at++;
	*length = at + 1;
	switch (bytes[at]) {
	case 0x9c:
		return USE_PUSHES;
	case 0x9d:
	case 0xcf:
		return USE_LOADS;
	case 0xfa:
		return USE_CLEARS;
	case 0xfb:
		return USE_SETS;
	case 0xf4:
		return USE_WAITS;
	case 0x8e:
		if ((bytes[at + 1] & 0xf8) != 0xd0)
			return USE_NOTHING;
		*length = at + 2;
		*vector = (bytes[at + 1] & 7) | (at && (bytes[at - 1] & 0xf1) == 0x41 ? 8 : 0);
		return USE_STACK;
	case 0xcd:
		*length = at + 2;
		*vector = bytes[at + 1];
		return USE_INT;
	case 0x0f:
		*length = at + 3;
		if (bytes[at + 1] == 0x05 || bytes[at + 1] == 0x07) {
			*length = at + 2;
			*vector = at && (bytes[at - 1] & 0xf8) == 0x48;
			return bytes[at + 1] == 0x05 ? USE_CALL : USE_RETURN;
		}
		if (bytes[at + 1] == 0x34) /* SYSENTER */
			return USE_CLEARS;
		if (bytes[at + 1] == 0x01 && bytes[at + 2] == 0xc9) /* MWAIT */
			return USE_WAITS;
	}
	return USE_NOTHING;
}

/* Sets what the guest runs with, whoever holds it. */
static void set_flags(struct vcpu *vcpu, uint64_t flags)
{
	vcpu->rflags = flags;
	vcpu_set(vcpu, REG_RFLAGS, flags);
}

static void begin_step(struct vcpu *vcpu, struct step *step)
{
	uint64_t debugctl = vcpu_get(vcpu, REG_DEBUGCTL);

	step->rip = vcpu->rip;
	step->held = RFLAGS_TF;
	if (!trace_lets_interrupts_exit(vcpu))
		step->held |= RFLAGS_IF;
	step->dr6 = vcpu_get(vcpu, REG_DR6);
	step->debugctl = debugctl;
	if (debugctl & DEBUGCTL_BTF)
		vcpu_set(vcpu, REG_DEBUGCTL, debugctl & ~DEBUGCTL_BTF);
	vcpu_set(vcpu, REG_DR6, step->dr6 & ~DR6_BS);
	vcpu->step_flags = vcpu->rflags;
	set_flags(vcpu, (vcpu->rflags & ~step->held) | RFLAGS_TF);
	vendor->wake(vcpu); /* no shadow: nothing comes that it would keep away */
	vendor->intercept_exceptions(vcpu, ALL_VECTORS);
}

static void tell_end(struct vcpu *vcpu, enum step_end end)
{
	trace_stepped(vcpu, end);
	if (vcpu_events(vcpu)->hold.steps)
		events_hold_stepped(vcpu, end);
}

/* The instruction has been done here, or has raised an exception. */
static enum verdict emulated(struct vcpu *vcpu)
{
	bool faulted = vcpu->inject.info & EVENT_VALID;

	if (vcpu_events(vcpu)->step.done)
		vcpu_events(vcpu)->step.done(vcpu, true);
	tell_end(vcpu, faulted ? STEP_FAULTED : STEP_RETIRED);
	return VERDICT_RETRY;
}

/* True: SS gets what it has. In 64-bit mode nothing else comes of that. */
static bool keeps_stack(struct vcpu *vcpu, uint8_t gpr)
{
	struct hadal_segment ss;

	vendor->get_segment(vcpu, SEG_SS, &ss);
	return gpr != HADAL_REG_RSP && vcpu_long_mode(vcpu) &&
	       (uint16_t)*vcpu_gpr(vcpu, gpr) == ss.selector;
}

/* Right before an entry the instruction has not been fetched, and met no breakpoint yet. */
static void pass_breakpoints(struct vcpu *vcpu)
{
	if (vcpu->attending && events_of(HADAL_EVENT_BREAK))
		breakpoint_pass(vcpu);
}

/* Instructions that are not stepped. False: this one is. */
static bool emulate(struct vcpu *vcpu, struct step *step, uint8_t detail, enum verdict *verdict)
{
	switch (step->use) {
	case USE_WAITS: /* it may end at once; in ring 3 it faults */
		if (step->cpl)
			return false;
		pass_breakpoints(vcpu);
		if (step->done)
			step->done(vcpu, true);
		/* Behind it the next one is stepped; right before an entry it is left to the guest.
		 */
		if (vcpu_events(vcpu)->hold.steps && !vcpu->attending)
			trace_look_again(vcpu);
		*verdict = VERDICT_DONE;
		return true;
	case USE_INT: /* SVM makes it exit */
		if (vendor->id != HADAL_VENDOR_INTEL)
			return false;
		pass_breakpoints(vcpu);
		*verdict = emulated(vcpu);
		vcpu->inject = (struct event){.info = EVENT_VALID | EVENT_SOFT_INT | detail,
					      .length = vcpu->exit.length};
		return true;
	case USE_CALL:
	case USE_RETURN:
		pass_breakpoints(vcpu);
		trace_show_calls(vcpu);
		if (step->use == USE_CALL)
			system_call_enter(vcpu);
		else
			system_call_leave(vcpu, detail);
		*verdict = emulated(vcpu);
		return true;
	case USE_STACK:
		if (!keeps_stack(vcpu, detail))
			return false;
		pass_breakpoints(vcpu);
		vcpu->rip += vcpu->exit.length;
		*verdict = emulated(vcpu);
		return true;
	default:
		return false;
	}
}

enum verdict step_over(struct vcpu *vcpu, step_done_fn done)
{
	struct step *step = &vcpu_events(vcpu)->step;
	enum verdict verdict;
	uint8_t detail = 0;

	if (vcpu->stepping) {
		if (done)
			step->done = done;
		return VERDICT_RETRY;
	}
	step->done = done;
	step->is_delivery = vcpu->inject.info & EVENT_VALID;
	if (step->is_delivery) {
		vcpu->step_flags = vcpu->rflags;
		vcpu->stepping = true;
		vendor->exit_after_event(vcpu);
		return VERDICT_RETRY;
	}
	step->cpl = vcpu_get(vcpu, REG_CPL);
	step->use = classify(vcpu, &vcpu->exit.length, &detail);
	if (emulate(vcpu, step, detail, &verdict))
		return verdict;
	begin_step(vcpu, step);
	vcpu->stepping = true;
	return VERDICT_RETRY;
}

enum verdict step_away(struct vcpu *vcpu, enum cpu_view away, step_done_fn done)
{
	views_leave(vcpu, away);
	return step_over(vcpu, done);
}

bool step_is_system_call(struct vcpu *vcpu)
{
	uint32_t length;
	uint8_t detail;
	enum flags_use use = classify(vcpu, &length, &detail);

	return use == USE_CALL || use == USE_RETURN;
}

bool step_is_repeated(const uint8_t *code, size_t count)
{
	bool repeats = false;

	for (size_t i = 0; i < count; i++) {
		uint8_t byte = code[i];

		if (byte == 0xf2 || byte == 0xf3)
			repeats = true;
		else if (!is_prefix(byte))
			return repeats &&
			       ((byte & 0xfc) == 0x6c || (byte & 0xfc) == 0xa4 || byte >= 0xaa) &&
			       byte <= 0xaf;
	}
	return false;
}

/* The flags word that PUSHF has put on the stack, or a part of it. */
static void mend_pushed(struct vcpu *vcpu, uint64_t held, uint64_t flags)
{
	struct guest_paging paging;
	struct guest_walk walk;
	uint16_t *word = NULL;

	vcpu_paging(vcpu, &paging);
	if (vcpu->view)
		word = vcpu_walk_view(vcpu, &paging, vcpu_get(vcpu, REG_RSP));
	else if (!guest_walk(&paging, vcpu_get(vcpu, REG_RSP), WALK_ANY, memory_walk_table, NULL,
			     &walk))
		word = memory_guest(walk.gpa, MEMORY_WRITE);
	if (word)
		*word = (*word & ~held) | (flags & held);
}

/* The flags that the guest would have now without the step. */
static uint64_t flags_after(struct vcpu *vcpu, const struct step *step)
{
	uint64_t now = vcpu->rflags, before = vcpu->step_flags;
	uint64_t flags = (now & ~step->held) | (before & step->held);

	switch (step->use) {
	case USE_PUSHES:
		mend_pushed(vcpu, step->held, before);
		return flags;
	case USE_LOADS: /* IF is loaded with enough privilege only (SDM vol. 2, POPF) */
		if (step->cpl <= (before & RFLAGS_IOPL) >> 12)
			return now;
		return (now & ~RFLAGS_IF) | (before & RFLAGS_IF);
	case USE_CLEARS:
		return flags & ~RFLAGS_IF;
	case USE_SETS:
		return flags | RFLAGS_IF;
	default:
		return flags;
	}
}

static void finish(struct vcpu *vcpu, enum step_end end)
{
	struct step *step = &vcpu_events(vcpu)->step;
	bool retired = end == STEP_RETIRED;

	vcpu->stepping = false;
	vcpu_events(vcpu)->stepped = !step->is_delivery;
	if (!step->is_delivery) {
		uint64_t held = vcpu->step_flags & step->held;

		set_flags(vcpu,
			  retired ? flags_after(vcpu, step) : (vcpu->rflags & ~step->held) | held);
		if (step->debugctl & DEBUGCTL_BTF)
			vcpu_set(vcpu, REG_DEBUGCTL, step->debugctl);
		vcpu_set(vcpu, REG_DR6, step->dr6);
	}
	vcpu_bitmaps_changed(vcpu);
	if (step->done)
		step->done(vcpu, retired);
	if (vcpu_events(vcpu)->suspended)
		events_left_done(vcpu, retired, end == STEP_FAULTED);
	tell_end(vcpu, step->is_delivery ? STEP_UNDONE : end);
	if (vcpu->nmi_pending)
		vcpu_inject_nmi(vcpu);
}

void step_cancel(struct vcpu *vcpu)
{
	finish(vcpu, STEP_UNDONE);
}

void step_hold_interrupts(struct vcpu *vcpu)
{
	vcpu_events(vcpu)->step.held |= RFLAGS_IF;
	set_flags(vcpu, vcpu->rflags & ~(uint64_t)RFLAGS_IF);
}

/* The guest's own trap flag, or its breakpoints, want this step's #DB too. */
static void pass_debug_exception(struct vcpu *vcpu, uint64_t hits)
{
	const struct step *step = &vcpu_events(vcpu)->step;
	bool own = (vcpu->step_flags & RFLAGS_TF) && !(step->debugctl & DEBUGCTL_BTF);

	if (!own && !hits)
		return;
	vcpu_set(vcpu, REG_DR6, step->dr6 | hits | (own ? DR6_BS : 0));
	vcpu_inject_exception(vcpu, VECTOR_DB, false, 0);
}

bool vcpu_step_exception(struct vcpu *vcpu, enum verdict *verdict)
{
	const struct exit *e = &vcpu->exit;

	if (vcpu_events(vcpu)
		    ->step.is_delivery) { /* the event met a fault, which makes two of it */
		finish(vcpu, STEP_FAULTED);
		return false;
	}
	if (e->exception.vector != VECTOR_DB || !(e->exception.address & DR6_BS)) {
		finish(vcpu, e->exception.software ? STEP_ENTERED : STEP_FAULTED);
		return false;
	}
	finish(vcpu, STEP_RETIRED);
	pass_debug_exception(vcpu, e->exception.address & DR6_HITS & ~(uint64_t)vcpu->debug.taken);
	*verdict = VERDICT_RETRY;
	return true;
}

void vcpu_step_window(struct vcpu *vcpu)
{
	if (vcpu_events(vcpu)->step.is_delivery)
		finish(vcpu, STEP_RETIRED);
}

/* An exit's handler has completed the instruction in the processor's place. */
void vcpu_step_emulated(struct vcpu *vcpu)
{
	finish(vcpu, STEP_RETIRED);
	if ((vcpu->step_flags & RFLAGS_TF) && !(vcpu_get(vcpu, REG_DEBUGCTL) & DEBUGCTL_BTF))
		vendor->pend_single_step(vcpu);
}

/* A handler raises an exception instead. */
void vcpu_step_cancelled(struct vcpu *vcpu)
{
	if (!vcpu_events(vcpu)->step.is_delivery)
		finish(vcpu, STEP_FAULTED);
}

void vcpu_step_end(struct vcpu *vcpu)
{
	vcpu_trace_end(vcpu);
	if (vcpu->stepping)
		step_cancel(vcpu);
}
