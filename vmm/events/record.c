// SPDX-License-Identifier: MIT
/* Records of events in the rings of their owners; a writer never waits. */
#include "events/subscription.h"
#include "events/brief.h"
#include "base/string.h"
#include "events/owned.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define CODE_BYTES 16

_Static_assert(sizeof(struct hadal_event) % 8 == 0, "records are multiples of 8");
_Static_assert(sizeof(struct hadal_event_registers) % 8 == 0, "records are multiples of 8");

/* Bit 12 tells which of the two it is (page-table isolation). */
bool is_address_space(struct vcpu *vcpu, uint64_t root)
{
	return !((vcpu_get(vcpu, REG_CR3) ^ root) & PT_ADDRESS & ~PAGE_BYTES);
}

static bool place_matches(struct vcpu *vcpu, const struct subscription *s,
			  const struct happening *what)
{
	const struct hadal_subscription *asked = &s->asked;

	if (!(asked->access & what->access))
		return false;
	switch (asked->kind) {
	case HADAL_EVENT_CR:
	case HADAL_EVENT_DESCRIPTOR:
		return asked->first >> what->number & 1;
	case HADAL_EVENT_IO: /* several ports may be touched at once */
		return what->number < asked->first + asked->count &&
		       what->number + what->physical > asked->first;
	case HADAL_EVENT_BREAK:
		return what->address == asked->first && (what->number == s->method || s->moving) &&
		       (!asked->root || is_address_space(vcpu, asked->root));
	case HADAL_EVENT_STEP:
		return asked->root && is_address_space(vcpu, asked->root);
	case HADAL_EVENT_VIEW:
		return what->physical - asked->first < asked->count &&
		       owned_is_of(what->number, s->owner->number);
	case HADAL_EVENT_MEMORY:
		return what->physical < asked->first + asked->count &&
		       what->physical + (what->number ? what->number : 1) > asked->first;
	default:
		return what->number - asked->first < asked->count;
	}
}

/* Whether an exit beside what was asked for is its doing all the same. */
static bool is_cause(const struct hadal_subscription *asked, const struct happening *what)
{
	switch (asked->kind) {
	case HADAL_EVENT_CPUID: /* all leaves exit, and all tables */
	case HADAL_EVENT_DESCRIPTOR:
		return true;
	case HADAL_EVENT_BREAK: /* in another address space */
		return what->address == asked->first;
	case HADAL_EVENT_MEMORY: /* rights are those of a page; who may not read may do nothing */
		return (asked->access & (what->access | HADAL_ACCESS_READ)) &&
		       what->physical >> PAGE_SHIFT >= asked->first >> PAGE_SHIFT &&
		       what->physical >> PAGE_SHIFT <= (asked->first + asked->count - 1) >>
			       PAGE_SHIFT;
	default:
		return false;
	}
}

void events_charge_cause(struct vcpu *vcpu, const struct happening *what, uint64_t mask)
{
	struct vcpu_events *events = vcpu_events(vcpu);

	for (; mask; mask &= mask - 1) {
		unsigned index = __builtin_ctzll(mask);
		const struct subscription *s = events_at(index);

		if (s && is_cause(&s->asked, what))
			events->charged |= BIT(index);
	}
	events_charge(vcpu);
}

/* From one record to the next; a budget thins out what is sampled already. */
static uint32_t to_skip(const struct subscription *s, const struct event_counts *counts)
{
	uint64_t every = (uint64_t)(s->asked.sample ? s->asked.sample : 1) *
			 (counts->divisor ? counts->divisor : 1);

	return (every >> 32 ? ~0u : every) - 1;
}

static __attribute__((noinline)) uint64_t match_all(struct vcpu *vcpu, const struct happening *what,
						    uint64_t mask)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	uint64_t matched = 0, charged = 0, passed = 0, holds = 0;

	for (; mask; mask &= mask - 1) {
		unsigned index = __builtin_ctzll(mask);
		const struct subscription *s = events_at(index);
		struct event_counts *counts = &events->counts[index];

		if (!s)
			continue;
		if (!place_matches(vcpu, s, what)) {
			if (is_cause(&s->asked, what))
				charged |= BIT(index);
			continue;
		}
		charged |= BIT(index);
		counts->hits++;
		if (s->asked.clause_count && !filter_passes(vcpu, &s->asked, what)) {
			counts->filtered++;
			continue;
		}
		if (counts->to_skip) {
			counts->to_skip--;
			counts->filtered++;
			continue;
		}
		if (s->asked.sample > 1 || counts->divisor)
			counts->to_skip = to_skip(s, counts);
		passed |= BIT(index);
		if (s->asked.action != HADAL_ACTION_COUNT)
			matched |= BIT(index);
		if (s->asked.action == HADAL_ACTION_HOLD)
			holds |= BIT(index);
	}
	events->holds = holds;
	events->charged = charged;
	events->passed = passed;
	return matched;
}

/* Whether this is a hit of a subscription that leaves out nothing but by its filter. */
static inline bool is_plain_hit(const struct subscription *s, const struct event_counts *counts,
				const struct happening *what)
{
	return s && s->plain && (s->asked.access & what->access) &&
	       what->number - s->plain_first < s->plain_count &&
	       (!s->plain_address || what->address == s->plain_address) && !counts->to_skip &&
	       !counts->divisor;
}

static __attribute__((noinline)) uint64_t match_filter(struct vcpu *vcpu,
						       const struct happening *what,
						       const struct subscription *s, uint64_t mask)
{
	struct vcpu_events *events = vcpu_events(vcpu);

	if (!filter_passes(vcpu, &s->asked, what)) {
		events->passed = 0;
		events->counts[s->index].filtered++;
		return 0;
	}
	events->passed = mask;
	return s->asked.action == HADAL_ACTION_COUNT ? 0 : mask;
}

/* The commonest is one subscription to some numbers. */
uint64_t events_match(struct vcpu *vcpu, const struct happening *what, uint64_t mask)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	const struct subscription *s;
	unsigned index;

	if (!mask || (mask & (mask - 1)))
		return match_all(vcpu, what, mask);
	index = __builtin_ctzll(mask);
	s = events_at(index);
	if (!is_plain_hit(s, &events->counts[index], what))
		return match_all(vcpu, what, mask);
	events->counts[index].hits++;
	events->charged = mask;
	events->holds = 0;
	if (s->asked.clause_count)
		return match_filter(vcpu, what, s, mask);
	events->passed = mask;
	return s->asked.action == HADAL_ACTION_COUNT ? 0 : mask;
}

static void capture_registers(struct vcpu *vcpu, struct hadal_event_registers *out)
{
	struct hadal_segment segment;

	for (unsigned i = 0; i < 16; i++)
		out->general[i] = *vcpu_gpr(vcpu, i);
	out->general[HADAL_REG_RSP] = vcpu_get(vcpu, REG_RSP);
	out->rflags = vcpu->rflags;
	vendor->get_segment(vcpu, SEG_FS, &segment);
	out->fs_base = segment.base;
	vendor->get_segment(vcpu, SEG_GS, &segment);
	out->gs_base = segment.base;
}

static void capture_memory(struct vcpu *vcpu, uint64_t address, uint8_t *out, size_t bytes)
{
	size_t done = memory_read_guest_root(address, vcpu_get(vcpu, REG_CR3),
					     vcpu_get(vcpu, REG_CR4), out, bytes);

	memset(out + done, 0, bytes - done);
}

/* What the kernel has in GS, or will have there when it has entered itself. */
static uint64_t kernel_gs_base(struct vcpu *vcpu)
{
	struct hadal_segment gs;

	vendor->get_segment(vcpu, SEG_GS, &gs);
	if (vcpu_get(vcpu, REG_CPL) == 0 && gs.base >> 63)
		return gs.base;
	return vcpu_get(vcpu, REG_KERNEL_GS_BASE);
}

/* Where page tables are isolated, the kernel's are those with bit 12 clear. */
static void capture_task(struct vcpu *vcpu, uint64_t offset, uint64_t *task)
{
	uint64_t address = kernel_gs_base(vcpu) + offset, cr3 = vcpu_get(vcpu, REG_CR3);
	uint64_t cr4 = vcpu_get(vcpu, REG_CR4);

	if (memory_read_guest_root(address, cr3, cr4, task, sizeof(*task)) < sizeof(*task) &&
	    memory_read_guest_root(address, cr3 & ~PAGE_BYTES, cr4, task, sizeof(*task)) <
		    sizeof(*task))
		*task = 0;
}

uint32_t record_bytes(const struct hadal_subscription *asked)
{
	uint32_t bytes = sizeof(struct hadal_event);

	if (!asked->capture)
		return bytes;
	if (asked->capture & HADAL_CAPTURE_REGISTERS)
		bytes += sizeof(struct hadal_event_registers);
	if (asked->capture & HADAL_CAPTURE_CODE)
		bytes += CODE_BYTES;
	if (asked->capture & HADAL_CAPTURE_TASK)
		bytes += sizeof(uint64_t);
	return bytes + asked->stack_bytes;
}

static void capture(struct vcpu *vcpu, const struct hadal_subscription *asked,
		    const struct happening *what, uint8_t *to)
{
	if (asked->capture & HADAL_CAPTURE_REGISTERS) {
		capture_registers(vcpu, (struct hadal_event_registers *)to);
		to += sizeof(struct hadal_event_registers);
	}
	if (asked->capture & HADAL_CAPTURE_CODE) {
		capture_memory(vcpu, what->kind == HADAL_EVENT_STEP ? what->address : vcpu->rip, to,
			       CODE_BYTES);
		to += CODE_BYTES;
	}
	if (asked->capture & HADAL_CAPTURE_STACK) {
		capture_memory(vcpu, vcpu_get(vcpu, REG_RSP), to, asked->stack_bytes);
		to += asked->stack_bytes;
	}
	if (asked->capture & HADAL_CAPTURE_TASK)
		capture_task(vcpu, asked->task_offset, (uint64_t *)to);
}

/* Fills what is left of the ring before its end. */
static void pad(uint8_t *at, uint32_t bytes)
{
	struct hadal_event *event = (struct hadal_event *)at;

	event->bytes = bytes;
	event->kind = HADAL_EVENT_NOTICE;
	event->flags = 0;
	if (bytes > 8)
		event->subscription = HADAL_NO_SUBSCRIPTION;
}

/* Makes room for a record, and `spare` bytes more. False: there is none. */
static bool make_room(struct event_ring *ring, uint32_t bytes, uint32_t spare)
{
	uint32_t size = ring->mask + 1, at = ring->position & ring->mask;
	uint64_t used = ring->position - __atomic_load_n(&ring->tail->tail, __ATOMIC_ACQUIRE);
	uint32_t padding = size - at < bytes ? size - at : 0;

	if (used > size || size - used < (uint64_t)bytes + padding + spare)
		return false;
	if (padding) {
		pad(ring->base + at, padding);
		ring->position += padding;
	}
	return true;
}

static inline struct event_ring *ring_of(struct vcpu *vcpu, const struct subscription *s)
{
	return &vcpu_events(vcpu)->ring[s->ring];
}

static bool lose(struct vcpu *vcpu, const struct subscription *s)
{
	struct event_ring *ring = ring_of(vcpu, s);

	vcpu_events(vcpu)->counts[s->index].lost++;
	ring->head->lost = ++ring->lost;
	return false;
}

/* A record with its captures, or for a notice without. False: it is lost. */
static __attribute__((noinline)) bool record(struct vcpu *vcpu, const struct subscription *s,
					     const struct happening *what, uint32_t bytes,
					     uint32_t spare)
{
	struct event_ring *ring = ring_of(vcpu, s);
	struct hadal_event *event;

	if (!make_room(ring, bytes, spare))
		return lose(vcpu, s);
	event = ring_next(ring);
	record_fill(vcpu, event, s, what, bytes);
	if (bytes > sizeof(*event))
		capture(vcpu, &s->asked, what, (uint8_t *)(event + 1));
	ring_show(vcpu, s, ring, bytes, what->flags & HADAL_RECORD_HELD);
	return true;
}

static __attribute__((noinline)) void record_all(struct vcpu *vcpu, const struct happening *what,
						 uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		const struct subscription *s = events_at(__builtin_ctzll(mask));

		if (s) /* else it has gone while requests were served */
			record(vcpu, s, what, s->record_bytes, HADAL_RING_NOTICES);
	}
	events_charge(vcpu);
}

/* The commonest is one record without captures, of a subscription without a budget. */
void events_record(struct vcpu *vcpu, const struct happening *what, uint64_t mask)
{
	const struct subscription *s;
	struct event_ring *ring;

	if (!mask)
		return events_charge(vcpu);
	if (mask != vcpu_events(vcpu)->charged || (mask & (mask - 1)))
		return record_all(vcpu, what, mask);
	s = events_at(__builtin_ctzll(mask));
	if (!s || !s->brief)
		return record_all(vcpu, what, mask);
	ring = ring_of(vcpu, s);
	if (!ring_has_room(ring))
		return record_all(vcpu, what, mask);
	record_brief(vcpu, s, ring, what);
}

void brief_record_slowly(struct vcpu *vcpu, const struct subscription *s, struct happening what)
{
	record(vcpu, s, &what, sizeof(struct hadal_event), HADAL_RING_NOTICES);
	events_charge_one(vcpu, s);
}

bool events_tell(struct vcpu *vcpu, const struct subscription *s, const struct happening *what)
{
	return record(vcpu, s, what, s->record_bytes, HADAL_RING_NOTICES);
}

void events_notice(struct vcpu *vcpu, const struct subscription *s, enum hadal_notice notice,
		   uint64_t physical)
{
	const struct happening what = {
		.kind = HADAL_EVENT_NOTICE, .number = notice, .physical = physical};

	record(vcpu, s, &what, sizeof(struct hadal_event), 0);
}
