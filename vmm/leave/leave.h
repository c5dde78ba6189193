/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LEAVE_LEAVE_H
#define HADAL_LEAVE_LEAVE_H

#include "vcpu/vcpu.h"

/*
 * Hand the processor to the system described by vcpu->entry and the callee-saved registers in
 * vcpu->regs, with vcpu->regs.rax as the result of the call or hypercall it made. RCX, RDX, RSI,
 * RDI and R8 to R11 are lost. gif_clear: SVM's global interrupt flag is to be set on the way. An
 * NMI or machine check that hits on the way is delivered to the system.
 */
_Noreturn void leave_to_system(struct vcpu *vcpu, bool gif_clear);

/*
 * Fill vcpu->entry with the state of the system that called, from the processor and from
 * vcpu->crossing. 0, or -EFAULT when a segment register has a selector outside of the GDT; all
 * else is filled then too.
 */
int entry_state_save(struct vcpu *vcpu);

/* The system has the trampoline and the crossings at this address, where the image has them too:
 * that is the way out, for this CPU. */
void leave_by(struct vcpu *vcpu, uint64_t trampoline);

/* Counts the NMIs that came on the way in with those that came to the image. */
void collect_crossing_nmis(struct vcpu *vcpu);

#endif
