/* SPDX-License-Identifier: MIT */
/*
 * The views that CPUs run on for subscriptions. Where the processor has no pages for fetches alone
 * there is one more, on which a CPU is while it executes code in pages with breakpoints.
 */
#ifndef HADAL_EVENTS_VIEWS_H
#define HADAL_EVENTS_VIEWS_H

#include "events/subscription.h"

/*
 * One more user, of copies too or not: the first one opens what it needs; 0 or -ENOMEM. One less:
 * with the last one they are closed, when no CPU runs on them any more. With nested_lock held.
 */
int views_take(bool with_copies);
void views_give(bool with_copies);
/*
 * What is denied in a page; whether it has a copy, machine.copies tells. 0 or -ENOMEM (nothing is
 * changed). With nested_lock held.
 */
int views_set(uint64_t gpa, uint32_t denied);

/*
 * One of machine.owned, which has breakpoints in views as little as these have it: -EBUSY, or
 * -ENOMEM. On closing no CPU runs on it any more. With nested_lock held.
 */
int views_open_owned(struct view *view);
void views_close_owned(struct view *view);
bool views_any_owned(void);
/* This CPU runs on an owner's view from now on, by its number; 0: on none. */
void views_switch(struct vcpu *vcpu, uint32_t owned);

/* This CPU runs on one of them from now on, or on the map itself; at once, unless it is away. */
void views_enter(struct vcpu *vcpu, enum cpu_view view);
/* To CPU_ON_MAP or CPU_ON_STEP for one instruction, and back. */
void views_leave(struct vcpu *vcpu, enum cpu_view away);
void views_return(struct vcpu *vcpu);

#endif
