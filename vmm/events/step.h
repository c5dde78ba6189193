/* SPDX-License-Identifier: MIT */
/*
 * One instruction of the guest's, or the delivery of one event, and then back into the image: by TF
 * and #DB, with interrupts, NMIs and exceptions held. The guest finds its flags as they were.
 */
#ifndef HADAL_EVENTS_STEP_H
#define HADAL_EVENTS_STEP_H

#include "events/subscription.h"

/* retired: the instruction has been done; else an exception of its own ends it. */
typedef void (*step_done_fn)(struct vcpu *vcpu, bool retired);

/*
 * From an exit that has done nothing yet: do the instruction at RIP, or deliver the event that is
 * queued, then call `done`, before anything else of the guest's runs. NULL: nothing is to be called
 * but trace_stepped(), as at the end of each step. The verdict is the exit's. A step that is under
 * way goes on, with another `done` unless that is NULL.
 */
enum verdict step_over(struct vcpu *vcpu, step_done_fn done);

/*
 * The same on the map, or on machine.stepped; `done` calls views_return(). Also from a step on
 * machine.stepped that an access has faulted in: it goes on, with another `done`.
 */
enum verdict step_away(struct vcpu *vcpu, enum cpu_view away, step_done_fn done);

/* A step is under way on other tables than those that the vCPU is on else. */
static inline bool step_is_away(struct vcpu *vcpu)
{
	return vcpu->stepping && vcpu_events(vcpu)->away != CPU_ON_VIEW;
}

/* How a step ends. */
enum step_end {
	STEP_RETIRED,
	STEP_FAULTED, /* by an exception of its own */
	STEP_ENTERED, /* by what it is for: INT3, INTO, INT n */
	STEP_UNDONE,  /* the instruction has not been begun, or is to be done in another way */
};

/* hold.c: a step has ended, which an answer has asked for. */
void events_hold_stepped(struct vcpu *vcpu, enum step_end end);

/* A step that lets interrupts exit does so no more. */
void step_hold_interrupts(struct vcpu *vcpu);
/* Takes a step back that has not been begun. */
void step_cancel(struct vcpu *vcpu);
/* At RIP is SYSCALL or SYSRET. */
bool step_is_system_call(struct vcpu *vcpu);
/* A string instruction with a repeat prefix. */
bool step_is_repeated(const uint8_t *code, size_t count);

/* system_call.c: SYSCALL at RIP, of vcpu->exit.length bytes; SYSRET. They set RIP. */
void system_call_enter(struct vcpu *vcpu);
void system_call_leave(struct vcpu *vcpu, bool to_64bit);

#endif
