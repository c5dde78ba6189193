// SPDX-License-Identifier: MIT
/* Single steps that the guest does not see. */
#include "events/step.h"
#include "base/insn.h"
#include "events/views.h"
#include "extension/extension.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define HELD        (RFLAGS_TF | RFLAGS_IF)
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
	USE_RETURN
};

static bool is_prefix(uint8_t byte)
{
	return (byte & 0xf0) == 0x40 || byte == 0x66 || byte == 0x67 || byte == 0xf2 ||
	       byte == 0xf3 || (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

/*
 * What the instruction at RIP does to flags. For those that are not stepped *length is set, and
 * *vector: of INT n, or for SYSRET whether it has REX.W.
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

	step->cpl = vcpu_get(vcpu, REG_CPL);
	step->dr6 = vcpu_get(vcpu, REG_DR6);
	step->debugctl = debugctl;
	if (debugctl & DEBUGCTL_BTF)
		vcpu_set(vcpu, REG_DEBUGCTL, debugctl & ~DEBUGCTL_BTF);
	vcpu_set(vcpu, REG_DR6, step->dr6 & ~DR6_BS);
	vcpu->step_flags = vcpu->rflags;
	set_flags(vcpu, (vcpu->rflags & ~HELD) | RFLAGS_TF);
	vendor->wake(vcpu); /* no shadow: nothing comes that it would keep away */
	vendor->intercept_exceptions(vcpu, ALL_VECTORS);
}

enum verdict step_over(struct vcpu *vcpu, step_done_fn done)
{
	struct step *step = &vcpu_events(vcpu)->step;
	uint32_t length;
	uint8_t vector = 0;

	step->done = done;
	step->is_delivery = vcpu->inject.info & EVENT_VALID;
	if (step->is_delivery) {
		vcpu->step_flags = vcpu->rflags;
		vcpu->stepping = true;
		vendor->exit_after_event(vcpu);
		return VERDICT_RETRY;
	}
	step->use = classify(vcpu, &length, &vector);
	vcpu->exit.length = length;
	if (step->use == USE_WAITS) { /* it may end at once */
		done(vcpu, true);
		return VERDICT_DONE;
	}
	if (step->use == USE_INT && vendor->id == HADAL_VENDOR_INTEL) { /* SVM makes it exit */
		done(vcpu, true);
		vcpu->inject = (struct event){.info = EVENT_VALID | EVENT_SOFT_INT | vector,
					      .length = length};
		return VERDICT_RETRY;
	}
	if (step->use == USE_CALL || step->use == USE_RETURN) {
		if (step->use == USE_CALL)
			system_call_enter(vcpu);
		else
			system_call_leave(vcpu, vector);
		done(vcpu, true);
		return VERDICT_RETRY;
	}
	begin_step(vcpu, step);
	vcpu->stepping = true;
	return VERDICT_RETRY;
}

enum verdict step_away(struct vcpu *vcpu, enum cpu_view away, step_done_fn done)
{
	views_leave(vcpu, away);
	if (!vcpu->stepping)
		return step_over(vcpu, done);
	vcpu_events(vcpu)->step.done = done;
	return VERDICT_RETRY;
}

/* The flags word that PUSHF has put on the stack, or a part of it. */
static void mend_pushed(struct vcpu *vcpu, uint64_t flags)
{
	struct guest_paging paging;
	struct guest_walk walk;
	uint16_t *word;

	vcpu_paging(vcpu, &paging);
	if (guest_walk(&paging, vcpu_get(vcpu, REG_RSP), WALK_ANY, memory_walk_table, NULL, &walk))
		return;
	word = memory_guest(walk.gpa, MEMORY_WRITE);
	if (word)
		*word = (*word & ~HELD) | (flags & HELD);
}

/* The flags that the guest would have now without the step. */
static uint64_t flags_after(struct vcpu *vcpu, const struct step *step)
{
	uint64_t now = vcpu->rflags, before = vcpu->step_flags;
	uint64_t flags = (now & ~HELD) | (before & HELD);

	switch (step->use) {
	case USE_PUSHES:
		mend_pushed(vcpu, before);
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

static void finish(struct vcpu *vcpu, bool retired)
{
	struct step *step = &vcpu_events(vcpu)->step;

	vcpu->stepping = false;
	vcpu_events(vcpu)->stepped = !step->is_delivery;
	if (!step->is_delivery) {
		uint64_t held = vcpu->step_flags & HELD;

		set_flags(vcpu, retired ? flags_after(vcpu, step) : (vcpu->rflags & ~HELD) | held);
		if (step->debugctl & DEBUGCTL_BTF)
			vcpu_set(vcpu, REG_DEBUGCTL, step->debugctl);
		vcpu_set(vcpu, REG_DR6, step->dr6);
	}
	vcpu_bitmaps_changed(vcpu);
	step->done(vcpu, retired);
	if (vcpu->nmi_pending)
		vcpu_inject_nmi(vcpu);
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
		finish(vcpu, false);
		return false;
	}
	if (e->exception.vector != VECTOR_DB || !(e->exception.address & DR6_BS)) {
		finish(vcpu, false);
		return false;
	}
	finish(vcpu, true);
	pass_debug_exception(vcpu, e->exception.address & DR6_HITS & ~(uint64_t)vcpu->debug.taken);
	*verdict = VERDICT_RETRY;
	return true;
}

void vcpu_step_window(struct vcpu *vcpu)
{
	if (vcpu_events(vcpu)->step.is_delivery)
		finish(vcpu, true);
}

/* An exit's handler has completed the instruction in the processor's place. */
void vcpu_step_emulated(struct vcpu *vcpu)
{
	finish(vcpu, true);
	if ((vcpu->step_flags & RFLAGS_TF) && !(vcpu_get(vcpu, REG_DEBUGCTL) & DEBUGCTL_BTF))
		vendor->pend_single_step(vcpu);
}

/* A handler raises an exception instead. */
void vcpu_step_cancelled(struct vcpu *vcpu)
{
	if (!vcpu_events(vcpu)->step.is_delivery)
		finish(vcpu, false);
}
