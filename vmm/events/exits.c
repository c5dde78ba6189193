// SPDX-License-Identifier: MIT
/*
 * Exits that subscriptions ask for. A filter sees the vCPU before the instruction is done; the
 * record is written behind it, so that it tells what was read and whether the instruction faulted.
 */
#include "events/subscription.h"
#include "events/breakpoint.h"
#include "events/brief.h"
#include "events/hidden.h"
#include "events/step.h"
#include "events/trace.h"
#include "events/watch.h"
#include "extension/extension.h"
#include "extension/handlers.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

static inline uint64_t edx_eax(const struct vcpu *vcpu)
{
	return (uint32_t)vcpu->regs.rax | vcpu->regs.rdx << 32;
}

/* Does what the exit would have done without events. False: the instruction has not completed. */
static inline bool complete(struct vcpu *vcpu, struct happening *what, enum verdict *verdict)
{
	*verdict = exits_ask_next(vcpu);
	if (*verdict == VERDICT_DONE)
		return true;
	if (vcpu->inject.info)
		what->flags |= HADAL_RECORD_FAULTED;
	return false;
}

static enum verdict rdmsr_brief(struct vcpu *vcpu, const struct subscription *s)
{
	struct happening what = {
		.kind = HADAL_EVENT_MSR,
		.access = HADAL_ACCESS_READ,
		.number = (uint32_t)vcpu->regs.rcx,
	};
	bool passes = brief_begin(vcpu, s);
	enum verdict verdict;

	if (what.number == MSR_EFER)
		trace_show_calls(vcpu);
	if (complete(vcpu, &what, &verdict))
		what.new_value = edx_eax(vcpu);
	brief_end(vcpu, s, &what, passes);
	return verdict;
}

static enum verdict read_msr(struct vcpu *vcpu)
{
	struct happening what = {
		.kind = HADAL_EVENT_MSR,
		.access = HADAL_ACCESS_READ,
		.number = (uint32_t)vcpu->regs.rcx,
	};
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_MSR));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	if (what.number == MSR_EFER)
		trace_show_calls(vcpu);
	if (complete(vcpu, &what, &verdict))
		what.new_value = edx_eax(vcpu);
	events_record(vcpu, &what, matched);
	return verdict;
}

static enum verdict on_rdmsr(struct vcpu *vcpu)
{
	const struct subscription *s =
		brief_find(HADAL_EVENT_MSR, HADAL_ACCESS_READ, (uint32_t)vcpu->regs.rcx);

	return s ? rdmsr_brief(vcpu, s) : read_msr(vcpu);
}

static enum verdict wrmsr_brief(struct vcpu *vcpu, const struct subscription *s)
{
	struct happening what = {
		.kind = HADAL_EVENT_MSR,
		.access = HADAL_ACCESS_WRITE,
		.number = (uint32_t)vcpu->regs.rcx,
		.new_value = edx_eax(vcpu),
	};
	bool passes = brief_begin(vcpu, s);
	enum verdict verdict;

	if (what.number == MSR_EFER)
		trace_show_calls(vcpu);
	complete(vcpu, &what, &verdict);
	brief_end(vcpu, s, &what, passes);
	return verdict;
}

static enum verdict write_msr(struct vcpu *vcpu)
{
	struct happening what = {
		.kind = HADAL_EVENT_MSR,
		.access = HADAL_ACCESS_WRITE,
		.number = (uint32_t)vcpu->regs.rcx,
		.new_value = edx_eax(vcpu),
	};
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_MSR));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	what.new_value = edx_eax(vcpu);
	if (what.number == MSR_EFER)
		trace_show_calls(vcpu);
	complete(vcpu, &what, &verdict);
	events_written(vcpu);
	events_record(vcpu, &what, matched);
	return verdict;
}

static enum verdict on_wrmsr(struct vcpu *vcpu)
{
	const struct subscription *s =
		brief_find(HADAL_EVENT_MSR, HADAL_ACCESS_WRITE, (uint32_t)vcpu->regs.rcx);

	return s ? wrmsr_brief(vcpu, s) : write_msr(vcpu);
}

/* The address space changes. */
static enum verdict cr3_brief(struct vcpu *vcpu, const struct subscription *s)
{
	uint8_t cpl;
	struct happening what = {
		.kind = HADAL_EVENT_CR,
		.access = HADAL_ACCESS_WRITE,
		.number = 3,
		.old_value = vendor->place(vcpu, &cpl),
		.new_value = vcpu->exit.cr.value,
	};
	bool passes = brief_begin(vcpu, s);
	enum verdict verdict;

	complete(vcpu, &what, &verdict);
	brief_end(vcpu, s, &what, passes);
	if (events_of(HADAL_EVENT_STEP))
		trace_look_again(vcpu);
	return verdict;
}

static enum verdict write_cr(struct vcpu *vcpu)
{
	static const uint8_t reg[] = {[0] = REG_CR0, [3] = REG_CR3, [4] = REG_CR4};
	unsigned cr = vcpu->exit.cr.cr;
	struct happening what = {
		.kind = HADAL_EVENT_CR,
		.access = HADAL_ACCESS_WRITE,
		.number = cr,
		.new_value = vcpu->exit.cr.value,
	};
	enum verdict verdict;
	uint64_t matched;

	if (cr != 0 && cr != 3 && cr != 4)
		return exits_ask_next(vcpu);
	events_begin(vcpu);
	what.old_value = vcpu_get(vcpu, reg[cr]);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_CR));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	what.new_value = vcpu->exit.cr.value;
	complete(vcpu, &what, &verdict);
	events_record(vcpu, &what, matched);
	if (cr == 3 && events_of(HADAL_EVENT_STEP))
		trace_look_again(vcpu);
	return verdict;
}

static enum verdict on_cr_write(struct vcpu *vcpu)
{
	const struct subscription *s = NULL;

	if (vcpu->exit.cr.cr == 3)
		s = brief_find(HADAL_EVENT_CR, HADAL_ACCESS_WRITE, 3);
	return s ? cr3_brief(vcpu, s) : write_cr(vcpu);
}

static enum verdict on_xsetbv(struct vcpu *vcpu)
{
	struct happening what = {
		.kind = HADAL_EVENT_CR,
		.access = HADAL_ACCESS_WRITE,
		.number = HADAL_CR_XCR0,
		.new_value = edx_eax(vcpu),
	};
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	if (vcpu_get(vcpu, REG_CR4) & CR4_OSXSAVE)
		what.old_value = xgetbv(0);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_CR));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	what.new_value = edx_eax(vcpu);
	complete(vcpu, &what, &verdict);
	events_written(vcpu);
	events_record(vcpu, &what, matched);
	return verdict;
}

static enum verdict on_cpuid(struct vcpu *vcpu)
{
	struct happening what = {
		.kind = HADAL_EVENT_CPUID,
		.access = HADAL_ACCESS_EXECUTE,
		.number = (uint32_t)vcpu->regs.rax,
		.physical = (uint32_t)vcpu->regs.rcx,
	};
	const struct gprs *regs = &vcpu->regs;
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_CPUID));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	if (complete(vcpu, &what, &verdict)) {
		what.old_value = (uint32_t)regs->rax | regs->rbx << 32;
		what.new_value = (uint32_t)regs->rcx | regs->rdx << 32;
	}
	events_record(vcpu, &what, matched);
	return verdict;
}

/* The base of a table, or the selector of a segment. */
static uint64_t table_value(struct vcpu *vcpu, unsigned table)
{
	struct hadal_segment segment;

	if (table == HADAL_GDTR || table == HADAL_IDTR)
		return vcpu_get(vcpu, table == HADAL_GDTR ? REG_GDTR_BASE : REG_IDTR_BASE);
	vendor->get_segment(vcpu, table == HADAL_LDTR ? SEG_LDTR : SEG_TR, &segment);
	return segment.selector;
}

static enum verdict step_without(struct vcpu *vcpu, const struct happening *what, uint64_t matched);

static enum verdict on_io(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	uint64_t mask = low_mask(8 * e->io.size);
	struct happening what = {
		.kind = HADAL_EVENT_IO,
		.access = e->io.in ? HADAL_ACCESS_READ : HADAL_ACCESS_WRITE,
		.number = e->io.port,
		.physical = e->io.size,
		.new_value = e->io.in ? 0 : vcpu->regs.rax & mask,
	};
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	if (e->io.string)
		what.flags |= HADAL_RECORD_NO_VALUE;
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_IO));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	if (e->io.string)
		return step_without(vcpu, &what, matched);
	if (complete(vcpu, &what, &verdict) && e->io.in)
		what.new_value = vcpu->regs.rax & mask;
	events_record(vcpu, &what, matched);
	return verdict;
}

/*
 * Those of the image's own making. A breakpoint in the way of a step is told, and the step goes on;
 * one that is away does not see INT3 in copies.
 */
static bool is_own_exception(struct vcpu *vcpu, enum verdict *verdict)
{
	const struct exit *e = &vcpu->exit;
	uint8_t vector = e->exception.vector;

	if (vector == VECTOR_UD && trace_undefined(vcpu, verdict))
		return true;
	if (vector == VECTOR_BP && !step_is_away(vcpu) && hidden_hit(vcpu, verdict))
		return true;
	if (vector == VECTOR_DB && vcpu->stepping && !(e->exception.address & DR6_BS) &&
	    breakpoint_hit(vcpu, verdict))
		return true;
	if (vcpu->stepping && vcpu_step_exception(vcpu, verdict))
		return true;
	return vector == VECTOR_DB && breakpoint_hit(vcpu, verdict);
}

static enum verdict on_exception(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	struct happening what = {
		.kind = HADAL_EVENT_EXCEPTION,
		.access = HADAL_ACCESS_EXECUTE,
		.number = e->exception.vector,
		.physical = e->exception.error,
		.address = e->exception.vector == VECTOR_PF ? e->exception.address : 0,
	};
	enum verdict verdict;
	uint64_t matched;

	if (is_own_exception(vcpu, &verdict))
		return verdict;
	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_EXCEPTION));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	events_record(vcpu, &what, matched);
	return exits_ask_next(vcpu);
}

static enum verdict on_window(struct vcpu *vcpu)
{
	enum verdict verdict;

	if (vcpu->stepping)
		vcpu_step_window(vcpu);
	trace_return(vcpu, &verdict);
	return exits_ask_next(vcpu);
}

static enum verdict on_iret(struct vcpu *vcpu)
{
	enum verdict verdict;

	return trace_return(vcpu, &verdict) ? verdict : exits_ask_next(vcpu);
}

static enum verdict on_interrupt(struct vcpu *vcpu)
{
	return trace_interrupt(vcpu) ? VERDICT_RETRY : exits_ask_next(vcpu);
}

/* What is done without an exit of its own while the step lasts. */
void events_left_done(struct vcpu *vcpu, bool retired, bool faulted)
{
	struct left *left = &vcpu_events(vcpu)->left;
	uint64_t rip = vcpu->rip;

	events_suspend(vcpu, 0);
	if (!retired && !faulted) /* it will exit once more */
		return;
	if (!retired)
		left->what.flags |= HADAL_RECORD_FAULTED;
	else if (left->what.kind == HADAL_EVENT_DESCRIPTOR)
		left->what.new_value = table_value(vcpu, left->what.number);
	vcpu->rip = left->rip;
	events_record(vcpu, &left->what, left->matched);
	vcpu->rip = rip;
}

/* Instructions with operands in memory are left to the processor, their intercept taken away. */
static enum verdict step_without(struct vcpu *vcpu, const struct happening *what, uint64_t matched)
{
	struct left *left = &vcpu_events(vcpu)->left;

	left->what = *what;
	left->matched = matched;
	left->rip = vcpu->rip;
	events_suspend(vcpu, vcpu->exit.kind);
	return step_over(vcpu, NULL);
}

static enum verdict on_descriptor(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	struct happening what = {
		.kind = HADAL_EVENT_DESCRIPTOR,
		.access = e->descriptor.load ? HADAL_ACCESS_WRITE : HADAL_ACCESS_READ,
		.number = e->descriptor.table,
		.old_value = table_value(vcpu, e->descriptor.table),
	};
	enum verdict verdict;
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_DESCRIPTOR));
	if (events_hold(vcpu, &what, &matched, &verdict))
		return verdict;
	return step_without(vcpu, &what, matched);
}

static const exit_handler_fn handlers[HADAL_EXIT_KIND_COUNT] = {
	[HADAL_EXIT_RDMSR] = on_rdmsr,
	[HADAL_EXIT_WRMSR] = on_wrmsr,
	[HADAL_EXIT_CR_WRITE] = on_cr_write,
	[HADAL_EXIT_XSETBV] = on_xsetbv,
	[HADAL_EXIT_CPUID] = on_cpuid,
	[HADAL_EXIT_IO] = on_io,
	[HADAL_EXIT_EXCEPTION] = on_exception,
	[HADAL_EXIT_DESCRIPTOR] = on_descriptor,
	[HADAL_EXIT_NESTED_FAULT] = watch_fault,
	[HADAL_EXIT_NMI] = on_window,
	[HADAL_EXIT_NMI_WINDOW] = on_window,
	[HADAL_EXIT_DR_ACCESS] = breakpoint_dr_access,
	[HADAL_EXIT_IRET] = on_iret,
	[HADAL_EXIT_INTERRUPT] = on_interrupt,
};

void events_ask_first(uint64_t kinds)
{
	for (unsigned kind = 0; kind < HADAL_EXIT_KIND_COUNT; kind++)
		if (handlers[kind])
			exits_ask_first(kind, kinds >> kind & 1 ? handlers[kind] : NULL);
}
