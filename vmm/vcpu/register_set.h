/* SPDX-License-Identifier: MIT */
/* Setting registers of the vCPU that runs here. */
#ifndef HADAL_VCPU_REGISTER_SET_H
#define HADAL_VCPU_REGISTER_SET_H

#include "vcpu/vcpu.h"

/*
 * Set the registers in a mask, all of them or none. 0; -EINVAL: the mask has bits that mean
 * nothing; -ERANGE: the processor would refuse *refused, an enum hadal_reg; -EBUSY: RFLAGS.IF
 * cannot be cleared while an interrupt goes to the guest. RIP is set too, so that the exit being
 * handled must end with VERDICT_RETRY.
 */
int vcpu_set_registers(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask,
		       uint32_t *refused);

/* The same unchecked: what the processor refuses to enter with is undone then. */
void vcpu_load_registers(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask);

/* The processor has refused to enter: take back what was set since the last exit. False: nothing.
 */
bool vcpu_undo_registers(struct vcpu *vcpu);

/* Exits that this vCPU has handled. */
uint64_t vcpu_exits(const struct vcpu *vcpu);

#endif
