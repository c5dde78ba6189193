// SPDX-License-Identifier: MIT
/*
 * Breakpoints in a view. Fetches see a copy of the page with INT3 in it, all else the page; what is
 * written to the page is written to the copy too.
 */
#include "events/hidden.h"
#include "base/errno.h"
#include "base/insn.h"
#include "cpus/request.h"
#include "events/breakpoint.h"
#include "events/step.h"
#include "events/views.h"
#include "extension/handlers.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define OPCODE_INT3 0xcc
#define OPCODE_INT  0xcd

static uint64_t page_of(uint64_t address)
{
	return address & ~(PAGE_BYTES - 1);
}

static uint32_t offset_of(uint64_t address)
{
	return address & (PAGE_BYTES - 1);
}

int hidden_find(struct vcpu *vcpu, struct subscription *s)
{
	uint64_t root = s->asked.root ? s->asked.root & PT_ADDRESS : vcpu_get(vcpu, REG_CR3);

	return memory_walk_root(s->asked.first, root, vcpu_get(vcpu, REG_CR4), &s->place) ? -ENXIO
											  : 0;
}

/* Whether a breakpoint can be there. */
static int check_place(uint64_t hpa)
{
	if (memory_is_own(hpa))
		return -EACCES;
	if (!memory_is_ram(hpa))
		return -ENXIO;
	/* QEMU tells INT n and INT3 apart by the code alone. */
	return *(const uint8_t *)memory_direct(hpa) == OPCODE_INT ? -EOPNOTSUPP : 0;
}

/* Takes the copy out, after all CPUs have seen it go. */
static void drop_copy(struct vcpu *vcpu, uint64_t gpa)
{
	struct page_copy *copy = copy_give(&machine.copies, page_of(gpa));

	if (!copy)
		return;
	views_set(page_of(gpa), view_denied(&machine.watched, gpa));
	request_flush_all(vcpu);
	copy_free(&machine.pool, copy);
}

static int add_locked(struct vcpu *vcpu, uint64_t gpa, uint64_t hpa)
{
	int err = copy_take(&machine.copies, &machine.pool, page_of(gpa), page_of(hpa),
			    memory_direct(page_of(hpa)));

	if (err)
		return err;
	err = views_set(page_of(gpa), view_denied(&machine.watched, gpa));
	if (err)
		drop_copy(vcpu, gpa);
	else
		request_flush_all(vcpu);
	return err;
}

int hidden_add(struct vcpu *vcpu, const struct subscription *s)
{
	uint64_t hpa = nested_gpa_to_hpa(&machine.nested, s->place);
	int err = check_place(hpa);

	if (err)
		return err;
	lock_take(&nested_lock);
	err = views_take(true);
	if (!err) {
		err = add_locked(vcpu, s->place, hpa);
		if (err)
			views_give(true);
	}
	lock_give(&nested_lock);
	return err;
}

/* Whether another breakpoint is at the same byte. */
static bool is_shared(const struct subscription *s)
{
	for (unsigned i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++) {
		const struct subscription *other = events_table[i];

		if (other && other != s && !other->off && other->asked.kind == HADAL_EVENT_BREAK &&
		    other->method == HADAL_BREAK_VIEW && other->place == s->place)
			return true;
	}
	return false;
}

static void set_int3(const struct subscription *s, bool on)
{
	lock_take(&nested_lock);
	copy_set_int3(copy_find(&machine.copies, s->place), offset_of(s->place), on);
	lock_give(&nested_lock);
}

void hidden_arm(struct subscription *s)
{
	set_int3(s, true);
}

void hidden_disarm(struct subscription *s)
{
	if (!is_shared(s))
		set_int3(s, false);
}

void hidden_remove(struct vcpu *vcpu, struct subscription *s)
{
	lock_take(&nested_lock);
	drop_copy(vcpu, s->place);
	views_give(true);
	lock_give(&nested_lock);
}

/*
 * Each round of a repeated instruction is a step. That it goes on is no news: RF tells so, which
 * goes with the task wherever an interrupt or a fault leads in between (SDM vol. 3, 18.3.1.1).
 * Where an exit by INT3 does not keep RF, the last round on this CPU does.
 */
static bool is_next_round(struct vcpu *vcpu, const uint8_t *code, size_t count)
{
	const struct string_round *last = &vcpu_events(vcpu)->round;

	if (!step_is_repeated(code, count))
		return false;
	return (vcpu->rflags & RFLAGS_RF) ||
	       (last->rip == vcpu->rip && last->rcx == vcpu->regs.rcx &&
		last->cr3 == vcpu_get(vcpu, REG_CR3));
}

void hidden_stepped(struct vcpu *vcpu)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	uint8_t code[INSN_MAX_BYTES];

	if (events->round.rip == events->step.rip)
		events->round.rip = 0;
	if (vcpu->rip != events->step.rip || !events->applied.copies ||
	    !step_is_repeated(code, vcpu_fetch(vcpu, vcpu->rip, code, sizeof(code))))
		return;
	events->round = (struct string_round){vcpu->rip, vcpu->regs.rcx, vcpu_get(vcpu, REG_CR3)};
	vcpu->rflags |= RFLAGS_RF;
	vcpu_set(vcpu, REG_RFLAGS, vcpu->rflags);
}

static void hit_done(struct vcpu *vcpu, bool retired)
{
	(void)retired;
	views_return(vcpu);
	hidden_stepped(vcpu);
}

/*
 * What the page holds tells whose INT3 it was, also when the breakpoint has just gone: then the
 * instruction is there again.
 */
bool hidden_hit(struct vcpu *vcpu, enum verdict *verdict)
{
	uint8_t code[INSN_MAX_BYTES];
	bool is_guests;
	size_t count;
	uint32_t length;

	if (!vcpu_events(vcpu)->applied.copies)
		return false;
	count = vcpu_fetch(vcpu, vcpu->rip, code, sizeof(code));
	if (!count)
		return false;
	is_guests = code[0] == OPCODE_INT3 || code[0] == OPCODE_INT;
	if (!is_guests)
		vcpu->exit.length = 0; /* it is not that of INT3 */
	if (!is_next_round(vcpu, code, count) && breakpoint_tell(vcpu, HADAL_BREAK_VIEW, verdict))
		return true;
	if (!vcpu_events(vcpu)->applied.copies) { /* it has gone while an answer was waited for */
		*verdict = VERDICT_RETRY;
		return true;
	}
	if (is_guests)
		return false;
	length = plain_instruction(vcpu, code, count);
	vcpu->exit.length = length;
	*verdict = length ? VERDICT_DONE : step_away(vcpu, CPU_ON_STEP, hit_done);
	return true;
}

/* The instruction begins on the page that a fetch has faulted in. */
static bool begins_there(struct vcpu *vcpu, uint64_t gpa)
{
	struct hadal_segment cs;
	uint64_t linear = vcpu->rip;

	if (!vcpu_long_mode(vcpu)) {
		vendor->get_segment(vcpu, SEG_CS, &cs);
		linear += cs.base;
	}
	return offset_of(linear) == offset_of(gpa);
}

bool hidden_fetch(struct vcpu *vcpu, enum verdict *verdict)
{
	uint64_t gpa = vcpu->exit.nested.gpa;
	uint8_t code[INSN_MAX_BYTES];

	if (step_is_away(vcpu) || !view_has_copy(&machine.watched, gpa) || !begins_there(vcpu, gpa))
		return false;
	if (is_next_round(vcpu, code, vcpu_fetch(vcpu, vcpu->rip, code, sizeof(code))))
		return false;
	return breakpoint_tell(vcpu, HADAL_BREAK_VIEW, verdict);
}

/*
 * The access may have begun in the page before, or end in the next. Whoever waits for the lock
 * serves requests, behind which the view may have gone: it is asked before that alone.
 */
void hidden_written(struct vcpu *vcpu, uint64_t gpa)
{
	uint64_t first = page_of(gpa) - PAGE_BYTES, end = page_of(gpa) + 2 * PAGE_BYTES, page;
	struct page_copy *copy;

	if (!vcpu_events(vcpu)->applied.copies)
		return;
	for (page = first; page != end && !view_has_copy(&machine.watched, page);)
		page += PAGE_BYTES;
	if (page == end)
		return;
	lock_take(&nested_lock);
	for (; page != end; page += PAGE_BYTES) {
		copy = copy_find(&machine.copies, page);
		if (copy)
			copy_refresh(copy);
	}
	lock_give(&nested_lock);
}

static void access_done(struct vcpu *vcpu, bool retired)
{
	(void)retired;
	views_return(vcpu);
	hidden_stepped(vcpu);
	hidden_written(vcpu, vcpu_events(vcpu)->watch.what.physical);
}

/*
 * Without pages for fetches alone a CPU changes between two views by its fetches. An instruction
 * that lies in pages of both kinds has no view of its own.
 */
static enum verdict change_view(struct vcpu *vcpu, bool has_copy)
{
	struct vcpu_events *events = vcpu_events(vcpu);

	if (step_is_away(vcpu) || (events->view == CPU_ON_VIEW && !has_copy))
		return exits_ask_next(vcpu);
	if (!begins_there(vcpu, vcpu->exit.nested.gpa))
		return step_away(vcpu, CPU_ON_STEP, hit_done);
	views_enter(vcpu, events->view == CPU_ON_VIEW ? CPU_ON_CODE : CPU_ON_VIEW);
	return VERDICT_RETRY;
}

enum verdict hidden_fault(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	struct vcpu_events *events = vcpu_events(vcpu);
	bool has_copy;

	if (!events->applied.copies)
		return exits_ask_next(vcpu);
	has_copy = view_has_copy(&machine.watched, e->nested.gpa);
	if (e->nested.execute)
		return machine.code.root ? change_view(vcpu, has_copy) : exits_ask_next(vcpu);
	if (!has_copy)
		return exits_ask_next(vcpu);
	events->watch.what.physical = e->nested.gpa;
	return step_away(vcpu, CPU_ON_MAP, access_done);
}
