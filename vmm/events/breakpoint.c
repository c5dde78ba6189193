// SPDX-License-Identifier: MIT
/* Breakpoints; those in debug registers, where no page is changed, and a hit is one exit. */
#include "events/breakpoint.h"
#include "base/errno.h"
#include "events/hidden.h"
#include "extension/handlers.h"
#include "paging/memory.h"
#include "vcpu/debug.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define DR6_CAUSES (0xfull | DR6_BS | 1ull << 13)

/* How many subscriptions share each of debug_wanted[]. */
static uint32_t users[DEBUG_REGISTERS];

/* QEMU would stop the image at the guest's address. */
static bool is_images(uint64_t address)
{
	return address >= LAYOUT_IMAGE_BASE && address < LAYOUT_DIRECT_BASE;
}

int breakpoint_check(struct vcpu *vcpu, const struct hadal_subscription *asked)
{
	uint64_t cr4 = vcpu_get(vcpu, REG_CR4);
	uint64_t root = asked->root ? asked->root & PT_ADDRESS : vcpu_get(vcpu, REG_CR3);
	uint8_t byte;

	if (asked->count != 1 || asked->method > HADAL_BREAK_VIEW || is_images(asked->first) ||
	    !asked->first || !is_canonical(asked->first, cr4 & CR4_LA57))
		return -EINVAL;
	if (asked->root && (root >> machine.physical_bits || !memory_is_ram(root)))
		return -EINVAL;
	return memory_read_guest_root(asked->first, root, cr4, &byte, 1) == 1 ? 0 : -ENXIO;
}

static int debug_add(struct subscription *s)
{
	int free_one = -1;

	s->method = HADAL_BREAK_DEBUG;
	for (int i = 0; i < (int)DEBUG_REGISTERS; i++) {
		if (users[i] && debug_wanted[i] == s->asked.first) {
			users[i]++;
			return 0;
		}
		if (!users[i]) /* the last ones are the least likely to be the guest's */
			free_one = i;
	}
	if (free_one < 0)
		return -ENOSPC;
	users[free_one] = 1;
	__atomic_store_n(&debug_wanted[free_one], s->asked.first, __ATOMIC_SEQ_CST);
	return 0;
}

static void debug_remove(const struct subscription *s)
{
	for (unsigned i = 0; i < DEBUG_REGISTERS; i++)
		if (users[i] && debug_wanted[i] == s->asked.first && !--users[i])
			__atomic_store_n(&debug_wanted[i], 0, __ATOMIC_SEQ_CST);
}

int breakpoint_add(struct vcpu *vcpu, struct subscription *s)
{
	int err = hidden_find(vcpu, s);

	if (err)
		return err;
	err = -ENOSPC;
	if (s->asked.method != HADAL_BREAK_VIEW)
		err = debug_add(s);
	if (err && s->asked.method != HADAL_BREAK_DEBUG) {
		s->method = HADAL_BREAK_VIEW;
		err = hidden_add(vcpu, s);
	}
	return err;
}

static bool has_lost_register(const struct vcpu *vcpu, const struct subscription *s)
{
	for (unsigned i = 0; i < DEBUG_REGISTERS; i++)
		if (users[i] && debug_wanted[i] == s->asked.first && (vcpu->debug.lacks >> i & 1))
			return true;
	return false;
}

/*
 * Each CPU changes from one way to the other between two instructions. One that has told of a hit
 * right before may meet INT3 at the same instruction, and tell of it once more.
 */
static void move(struct vcpu *vcpu, struct subscription *s)
{
	__atomic_store_n(&s->plain, false, __ATOMIC_SEQ_CST); /* both ways count */
	__atomic_store_n(&s->moving, true, __ATOMIC_SEQ_CST);
	debug_remove(s);
	__atomic_store_n(&s->method, HADAL_BREAK_VIEW, __ATOMIC_SEQ_CST);
	hidden_arm(s);
	events_route(vcpu);
	__atomic_store_n(&s->moving, false, __ATOMIC_SEQ_CST);
	events_notice(vcpu, s, HADAL_NOTICE_MOVED, HADAL_BREAK_VIEW);
}

void breakpoint_attend(struct vcpu *vcpu, struct subscription *s)
{
	if (s->method != HADAL_BREAK_DEBUG || !has_lost_register(vcpu, s))
		return;
	if (s->asked.method == HADAL_BREAK_ANY && !hidden_add(vcpu, s)) {
		move(vcpu, s);
	} else if (!s->displaced) {
		s->displaced = true;
		events_notice(vcpu, s, HADAL_NOTICE_DISPLACED, 0);
	}
}

void breakpoint_begin(struct subscription *s)
{
	if (s->method == HADAL_BREAK_VIEW)
		hidden_arm(s);
}

void breakpoint_end(struct subscription *s)
{
	if (s->method == HADAL_BREAK_VIEW)
		hidden_disarm(s);
	else
		debug_remove(s);
}

void breakpoint_remove(struct vcpu *vcpu, struct subscription *s)
{
	if (s->method == HADAL_BREAK_VIEW)
		hidden_remove(vcpu, s);
}

bool breakpoint_tell(struct vcpu *vcpu, enum hadal_break_method method, enum verdict *verdict)
{
	const struct happening what = {
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.number = method,
		.address = vcpu->rip,
	};
	uint64_t matched;

	events_begin(vcpu);
	matched = events_match(vcpu, &what, events_of(HADAL_EVENT_BREAK));
	if (events_hold(vcpu, &what, &matched, verdict))
		return true;
	events_record(vcpu, &what, matched);
	return false;
}

void breakpoint_pass(struct vcpu *vcpu)
{
	struct happening what = {
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.address = vcpu->rip,
	};

	what.number = vcpu->rflags & RFLAGS_RF ? HADAL_BREAK_VIEW : HADAL_BREAK_DEBUG;
	for (; what.number <= HADAL_BREAK_VIEW; what.number++)
		events_record(vcpu, &what, events_match(vcpu, &what, events_of(HADAL_EVENT_BREAK)));
}

bool breakpoint_hit(struct vcpu *vcpu, enum verdict *verdict)
{
	struct exit *e = &vcpu->exit;
	uint64_t hits = e->exception.address & vcpu->debug.taken;

	if (!hits)
		return false;
	*verdict = VERDICT_RETRY;
	if (breakpoint_tell(vcpu, HADAL_BREAK_DEBUG, verdict))
		return true;
	/* The instruction goes on: RF keeps the same breakpoint from hitting once more. */
	vcpu->rflags |= RFLAGS_RF;
	vcpu_set(vcpu, REG_RFLAGS, vcpu->rflags);
	e->exception.address &= ~hits;
	vcpu_set(vcpu, REG_DR6, vcpu_get(vcpu, REG_DR6) & ~hits);
	return !(e->exception.address & DR6_CAUSES);
}

enum verdict breakpoint_dr_access(struct vcpu *vcpu)
{
	enum verdict verdict;

	vcpu_debug_give(vcpu);
	verdict = exits_ask_next(vcpu);
	vcpu_debug_take(vcpu);
	return verdict;
}
