/* SPDX-License-Identifier: MIT */
/*
 * Views that owners of events make: which there are, whose they are, and what becomes of an access
 * that the one denies which the vCPU runs on.
 */
#ifndef HADAL_EVENTS_OWNED_H
#define HADAL_EVENTS_OWNED_H

#include "events/subscription.h"

/* Whether the view with a number is an owner's. */
bool owned_is_of(uint64_t view, uint32_t owner);

/* With events_lock held: whether an owner may let a vCPU run on a view, or with 0 on none. */
int owned_check_switch(uint32_t owner, uint64_t cpu, uint64_t view);
/* This vCPU, which is in a handler, does so from now on. */
void owned_switch(struct vcpu *vcpu, uint64_t view);
/* With events_lock held: all of an owner's are gone. */
void owned_close_all(struct vcpu *vcpu, uint32_t owner);

/* For the handler of nested faults: the vCPU is on an owner's view, which denies the access. */
bool owned_denies(struct vcpu *vcpu);
/* Those who want to know are told. True: an answer has decided, and *verdict is the exit's. */
bool owned_tell(struct vcpu *vcpu, enum verdict *verdict);
/* It shows another page there, which the map does not let be accessed in this way. */
bool owned_lacks(struct vcpu *vcpu);
/* The access is made on the map. */
enum verdict owned_pass(struct vcpu *vcpu);

#endif
