/* SPDX-License-Identifier: MIT */
/* Breakpoints in debug registers. */
#ifndef HADAL_EVENTS_BREAKPOINT_H
#define HADAL_EVENTS_BREAKPOINT_H

#include "events/subscription.h"

/* 0; -EINVAL, -ENXIO (nothing is mapped there), -EOPNOTSUPP (a method that there is not). */
int breakpoint_check(struct vcpu *vcpu, const struct hadal_subscription *asked);

/* With events_lock held, before a subscription is in the table. 0 or -ENOSPC. */
int breakpoint_add(const struct hadal_subscription *asked);
/* With events_lock held, when it is there no more. */
void breakpoint_remove(const struct hadal_subscription *asked);

/*
 * A #DB has exited. Breakpoints of ours are told, and the instruction goes on. True: there was
 * nothing else in it, and *verdict is the exit's.
 */
bool breakpoint_hit(struct vcpu *vcpu, enum verdict *verdict);

/* The handler of accesses to debug registers. */
enum verdict breakpoint_dr_access(struct vcpu *vcpu);

#endif
