/* SPDX-License-Identifier: MIT */
/*
 * Brief records, in a header so that the commonest handlers have them inlined: one subscription
 * alone wants a kind, by its number; it records each hit, without captures or a budget, and its
 * filter looks at nothing but the vCPU.
 */
#ifndef HADAL_EVENTS_BRIEF_H
#define HADAL_EVENTS_BRIEF_H

#include "events/subscription.h"
#include "vcpu/vendor.h"

/* By enum hadal_event_kind: the one of this sort, or NULL. Written by events_route(). */
extern struct subscription *events_brief[HADAL_EVENT_KINDS];

static inline const struct subscription *brief_of(enum hadal_event_kind kind)
{
	return __atomic_load_n(&events_brief[kind], __ATOMIC_ACQUIRE);
}

/* The one that wants this, or NULL: then it takes events_match() to find out who does. */
static inline const struct subscription *brief_find(enum hadal_event_kind kind, uint8_t access,
						    uint64_t number)
{
	const struct subscription *s = brief_of(kind);

	return s && (s->asked.access & access) && number - s->plain_first < s->plain_count ? s
											   : NULL;
}

/* What a record has before its captures. */
static inline __attribute__((always_inline)) void
record_fill(struct vcpu *vcpu, struct hadal_event *event, const struct subscription *s,
	    const struct happening *what, uint32_t bytes)
{
	event->cr3 = vendor->place(vcpu, &event->cpl);
	event->bytes = bytes;
	event->kind = what->kind;
	event->flags = what->flags;
	event->subscription = s->number;
	event->cpu = vcpu->index;
	event->access = what->access;
	event->time = vcpu_events(vcpu)->started;
	event->cookie = s->asked.cookie;
	event->rip = vcpu->rip;
	event->number = what->number;
	event->address = what->address;
	event->physical = what->physical;
	event->old_value = what->old_value;
	event->new_value = what->new_value;
}

/* Where the next record goes, which has room there. */
static inline struct hadal_event *ring_next(const struct event_ring *ring)
{
	return (struct hadal_event *)(ring->base + (ring->position & ring->mask));
}

/* Shows the reader a record that is complete. */
static inline void ring_show(struct vcpu *vcpu, const struct subscription *s,
			     struct event_ring *ring, uint32_t bytes, bool held)
{
	uint64_t position = ring->position + bytes;

	ring->position = position;
	/* The loader first says that the reader waits and then looks at the head. */
	__atomic_store_n(&ring->head->head, position, __ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&s->owner->heads[0].waits, __ATOMIC_SEQ_CST), 0))
		events_wake(vcpu, s->owner, held);
}

/* Without padding before it, and beside what is kept free for notices. */
static inline bool ring_has_room(const struct event_ring *ring)
{
	uint64_t tail = __atomic_load_n(&ring->tail->tail, __ATOMIC_ACQUIRE);

	return ring->position - tail <= ring->most_unread &&
	       (ring->position & ring->mask) <= ring->last_brief;
}

/* Where there is room. */
static inline __attribute__((always_inline)) void record_brief(struct vcpu *vcpu,
							       const struct subscription *s,
							       struct event_ring *ring,
							       const struct happening *what)
{
	record_fill(vcpu, ring_next(ring), s, what, sizeof(struct hadal_event));
	ring_show(vcpu, s, ring, sizeof(struct hadal_event), what->flags & HADAL_RECORD_HELD);
	events_charge_one(vcpu, s);
}

/* A hit is counted. Whether it is to be recorded. */
static inline bool brief_begin(struct vcpu *vcpu, const struct subscription *s)
{
	struct event_counts *counts = &vcpu_events(vcpu)->counts[s->index];

	events_begin(vcpu);
	counts->hits++;
	if (!s->asked.clause_count || filter_passes(vcpu, &s->asked, NULL))
		return true;
	counts->filtered++;
	return false;
}

/* record.c: the same where there is no room at once. */
void brief_record_slowly(struct vcpu *vcpu, const struct subscription *s, struct happening what);

/* The instruction is done. A subscription may have gone meanwhile, with a request served. */
static inline __attribute__((always_inline)) void brief_end(struct vcpu *vcpu,
							    const struct subscription *s,
							    const struct happening *what,
							    bool passes)
{
	struct event_ring *ring = &vcpu_events(vcpu)->ring[s->ring];

	if (__builtin_expect(brief_of(what->kind) != s, 0))
		return;
	if (!passes)
		events_charge_one(vcpu, s);
	else if (ring_has_room(ring))
		record_brief(vcpu, s, ring, what);
	else
		brief_record_slowly(vcpu, s, *what);
}

#endif
