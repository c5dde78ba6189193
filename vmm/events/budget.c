// SPDX-License-Identifier: MIT
/* What subscriptions cost each CPU, and what becomes of those that cost more than they may. */
#include "events/subscription.h"

/* A budget is a bucket of time that fills by itself: so many milliseconds of it may be ahead. */
#define SHARE_BURST_MS 50u
#define RATE_BURST_MS  1000u
#define CALM_MS        1000u
#define DIVISOR_STEP   4u
#define DIVISOR_MAX    65536u
#define WEIGHT_ONE     16u

void budget_init(struct subscription *s)
{
	const struct hadal_subscription *asked = &s->asked;

	s->limited = asked->share || asked->rate;
	if (asked->share)
		s->tick_weight = 1000 * WEIGHT_ONE / asked->share;
	if (asked->rate)
		s->hit_weight = 1000 * s->owner->ticks_per_ms / asked->rate;
	s->since = rdtsc();
}

/* Takes `cost` out of a bucket. False: it is empty. A TSC that was set back counts as that too. */
static bool take(uint64_t *due, uint64_t now, uint64_t cost, uint64_t burst)
{
	if (*due < now)
		*due = now;
	*due += cost;
	return *due - now <= burst;
}

static bool is_within(const struct subscription *s, struct event_counts *counts, uint64_t now,
		      uint64_t ticks, bool passed)
{
	uint64_t ms = s->owner->ticks_per_ms;
	bool within = true;

	if (ticks > ms * SHARE_BURST_MS)
		ticks = ms * SHARE_BURST_MS;
	if (s->tick_weight)
		within = take(&counts->share_due, now, ticks * s->tick_weight / WEIGHT_ONE,
			      ms * SHARE_BURST_MS);
	if (s->hit_weight && passed)
		within &= take(&counts->rate_due, now, s->hit_weight, ms * RATE_BURST_MS);
	return within;
}

static void change(struct vcpu *vcpu, struct subscription *s, struct event_counts *counts,
		   uint64_t now, uint32_t divisor)
{
	counts->divisor = divisor;
	counts->share_due = counts->rate_due = counts->changed = now;
	events_notice(vcpu, s, divisor ? HADAL_NOTICE_SAMPLED : HADAL_NOTICE_FULL, divisor);
}

/* Each time less, and at last the next entry turns it off. */
static void tighten(struct vcpu *vcpu, struct subscription *s, struct event_counts *counts,
		    uint64_t now)
{
	if (s->over)
		return;
	if (counts->divisor < DIVISOR_MAX) {
		change(vcpu, s, counts, now,
		       counts->divisor ? counts->divisor * DIVISOR_STEP : DIVISOR_STEP);
		return;
	}
	__atomic_store_n(&s->over, true, __ATOMIC_SEQ_CST);
	__atomic_fetch_or(&vcpu->requests, REQUEST_EVENTS, __ATOMIC_SEQ_CST);
}

static void relax(struct vcpu *vcpu, struct subscription *s, struct event_counts *counts,
		  uint64_t now)
{
	if (counts->divisor && now - counts->changed > s->owner->ticks_per_ms * CALM_MS)
		change(vcpu, s, counts, now,
		       counts->divisor > DIVISOR_STEP ? counts->divisor / DIVISOR_STEP : 0);
}

static __attribute__((noinline)) void spend(struct vcpu *vcpu, struct subscription *s, uint64_t now,
					    uint64_t ticks, bool passed)
{
	struct event_counts *counts = &vcpu_events(vcpu)->counts[s->index];

	if (is_within(s, counts, now, ticks, passed))
		relax(vcpu, s, counts, now);
	else
		tighten(vcpu, s, counts, now);
}

static unsigned count_bits(uint64_t mask)
{
	unsigned count = 0;

	for (; mask; mask &= mask - 1)
		count++;
	return count;
}

static __attribute__((noinline)) void charge_all(struct vcpu *vcpu, uint64_t now)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	uint64_t mask = events->charged, ticks = now - events->started;
	bool several = mask & (mask - 1);

	for (; mask; mask &= mask - 1) {
		unsigned index = __builtin_ctzll(mask);
		struct subscription *s = events_at(index);
		uint64_t cost;

		if (!s)
			continue;
		cost = ticks + s->owner->exit_ticks;
		if (several)
			cost /= count_bits(events->charged);
		events->counts[index].ticks += cost;
		events->counts[index].steps += events->stepped;
		if (s->limited)
			spend(vcpu, s, now, cost, events->passed >> index & 1);
	}
	events->charged = 0;
	events->stepped = false;
}

/* The commonest is one without a budget. */
void events_charge(struct vcpu *vcpu)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	uint64_t mask = events->charged;
	const struct subscription *s = mask ? events_at(__builtin_ctzll(mask)) : NULL;

	if (!s || (mask & (mask - 1)) || s->limited)
		charge_all(vcpu, rdtsc());
	else
		events_charge_one(vcpu, s);
}
