/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LEAVE_LEAVE_H
#define HADAL_LEAVE_LEAVE_H

#include "vcpu/vcpu.h"

/*
 * Hand the processor to the system described by vcpu->entry and the callee-saved registers in
 * vcpu->regs, with vcpu->regs.rax as the result of the call or hypercall it made. RCX, RDX, RSI,
 * RDI and R8 to R11 are lost. gif_clear: SVM's global interrupt flag is to be set on the way.
 */
_Noreturn void leave_to_system(struct vcpu *vcpu, bool gif_clear);

/* Fill vcpu->entry with the state of the processor, whose CR3, CR4 and stack have changed already.
 */
int entry_state_save(struct vcpu *vcpu, uint64_t cr3, uint64_t cr4);

/* Selectors below this can be kept by leave_to_system(); Linux's are. */
#define LEAVE_SELECTOR_LIMIT 0x100

#endif
