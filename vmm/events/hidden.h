/* SPDX-License-Identifier: MIT */
/* Breakpoints in a view: INT3 in copies of pages that only fetches see. */
#ifndef HADAL_EVENTS_HIDDEN_H
#define HADAL_EVENTS_HIDDEN_H

#include "events/subscription.h"

/* The place of a breakpoint, which it keeps. 0 or -ENXIO (nothing is mapped). */
int hidden_find(struct vcpu *vcpu, struct subscription *s);
/*
 * With events_lock held, before it is made by a view: have a copy of its place's page. 0, -ENXIO
 * (no RAM), -EACCES (the hypervisor's own), -EOPNOTSUPP (INT n), -ENOSPC, -ENOMEM.
 */
int hidden_add(struct vcpu *vcpu, const struct subscription *s);
/* The same, when it is there and CPUs run on the view; and before it is taken out. */
void hidden_arm(struct subscription *s);
void hidden_disarm(struct subscription *s);
/* The same, when it is there no more, and no CPU runs on views with copies if it was the last. */
void hidden_remove(struct vcpu *vcpu, struct subscription *s);

/* INT3 has exited. True: it was not the guest's. */
bool hidden_hit(struct vcpu *vcpu, enum verdict *verdict);
/* A nested fault that no watched memory explains. */
enum verdict hidden_fault(struct vcpu *vcpu);
/* A fetch is about to be made on the map, past any INT3. True: an answer has decided otherwise. */
bool hidden_fetch(struct vcpu *vcpu, enum verdict *verdict);
/* The guest has perhaps written there, on the map. */
void hidden_written(struct vcpu *vcpu, uint64_t gpa);

/* A step over what is perhaps a breakpoint has ended; it may be a round of several. */
void hidden_stepped(struct vcpu *vcpu);

/*
 * plain.c: do the instruction in the processor's place when that is simple: all but the advance of
 * RIP by its length, which is returned. 0: it is not.
 */
uint32_t plain_instruction(struct vcpu *vcpu, const uint8_t *code, size_t count);

#endif
