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
 * queued, then call `done`, before anything else of the guest's runs. The verdict is the exit's.
 */
enum verdict step_over(struct vcpu *vcpu, step_done_fn done);

/*
 * The same on the map, or on machine.stepped; `done` calls views_return(). Also from a step on
 * machine.stepped that an access has faulted in: it goes on, with another `done`.
 */
enum verdict step_away(struct vcpu *vcpu, enum cpu_view away, step_done_fn done);

/* system_call.c: SYSCALL at RIP, of vcpu->exit.length bytes; SYSRET. They set RIP. */
void system_call_enter(struct vcpu *vcpu);
void system_call_leave(struct vcpu *vcpu, bool to_64bit);

#endif
