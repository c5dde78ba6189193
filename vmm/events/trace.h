/* SPDX-License-Identifier: MIT */
/*
 * Tasks whose instructions are told: in their address space each one of ring 3 is a step. Outside
 * of ring 3 nothing is stepped; what leads back there exits.
 */
#ifndef HADAL_EVENTS_TRACE_H
#define HADAL_EVENTS_TRACE_H

#include "events/step.h"

/* 0, -EINVAL, -ENXIO, -EDEADLK. */
int trace_check(const struct vcpu *vcpu, const struct hadal_subscription *asked);

/* Before the next entry see again to what the vCPU is at. */
void trace_look_again(struct vcpu *vcpu);
/* A step has ended. */
void trace_stepped(struct vcpu *vcpu, enum step_end end);

/* Whether interrupts exit, so that a step need not hold them. */
static inline bool trace_lets_interrupts_exit(struct vcpu *vcpu)
{
	return vcpu_events(vcpu)->trace.has_interrupts;
}

/* EFER is the guest's again, until the next entry. */
void trace_show_calls(struct vcpu *vcpu);

/* Exits that are perhaps made for it. True: this one was. */
bool trace_interrupt(struct vcpu *vcpu);
bool trace_return(struct vcpu *vcpu, enum verdict *verdict);
bool trace_undefined(struct vcpu *vcpu, enum verdict *verdict);

#endif
