/* SPDX-License-Identifier: MIT */
/*
 * Debug registers that the guest does not use, for execution breakpoints of the image's own. The
 * guest sees only what it has put there itself, and has a register back as soon as it enables it.
 * Then debug.lacks says so, and REQUEST_EVENTS asks for another way.
 */
#ifndef HADAL_VCPU_DEBUG_H
#define HADAL_VCPU_DEBUG_H

#include "vcpu/vcpu.h"

#define DEBUG_REGISTERS 4u

/* Linear addresses that are to break on all vCPUs, by register; 0: none. */
extern uint64_t debug_wanted[DEBUG_REGISTERS];

/* This vCPU has them from now on, beside what the guest enables; again after a change of either. */
void vcpu_debug_take(struct vcpu *vcpu);
/* The registers hold what the guest has put there, and nothing else. */
void vcpu_debug_give(struct vcpu *vcpu);

#endif
