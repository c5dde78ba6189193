/* SPDX-License-Identifier: MIT */
/* Breakpoints, in debug registers or in a view. */
#ifndef HADAL_EVENTS_BREAKPOINT_H
#define HADAL_EVENTS_BREAKPOINT_H

#include "events/subscription.h"

/* 0; -EINVAL, -ENXIO (nothing is mapped there). */
int breakpoint_check(struct vcpu *vcpu, const struct hadal_subscription *asked);

/*
 * With events_lock held, before a subscription is in the table: choose a method. 0, -ENOSPC, or as
 * hidden_add() says.
 */
int breakpoint_add(struct vcpu *vcpu, struct subscription *s);
/* The same, when it is there and followed. */
void breakpoint_begin(struct subscription *s);
/* The same, before it is taken out; and when all have followed that. */
void breakpoint_end(struct subscription *s);
void breakpoint_remove(struct vcpu *vcpu, struct subscription *s);

/*
 * With events_lock held, right before an entry: should the guest have taken its debug register on
 * this CPU, it moves into a view, or its owner is told that it does not hit here.
 */
void breakpoint_attend(struct vcpu *vcpu, struct subscription *s);

/*
 * A #DB has exited. Breakpoints of ours are told, and the instruction goes on. True: there was
 * nothing else in it, and *verdict is the exit's.
 */
bool breakpoint_hit(struct vcpu *vcpu, enum verdict *verdict);

/*
 * A breakpoint made by `method` has been hit at RIP: who asked for it is told. True: an answer has
 * decided what becomes of the exit, which is *verdict then.
 */
bool breakpoint_tell(struct vcpu *vcpu, enum hadal_break_method method, enum verdict *verdict);

/*
 * The instruction at RIP is about to be done without a fetch, right before an entry: all that is
 * there is told, and nothing is held.
 */
void breakpoint_pass(struct vcpu *vcpu);

/* The handler of accesses to debug registers. */
enum verdict breakpoint_dr_access(struct vcpu *vcpu);

#endif
