/* SPDX-License-Identifier: MIT */
/* vCPUs that are held for a while, so that their registers can be set. */
#ifndef HADAL_CPUS_PAUSE_H
#define HADAL_CPUS_PAUSE_H

#include "vcpu/vcpu.h"

/* Hold this vCPU, outside of its guest, until it is resumed or its limit has passed. */
void pause_here(struct vcpu *vcpu);
/* On the vCPU that was asked: take the registers that wait for it, if it is paused. */
void pause_take_registers(struct vcpu *vcpu);

/*
 * Registers of another vCPU, which must be paused. 0; -ENXIO; -ETIMEDOUT; -EBUSY when it is not
 * paused; or as vcpu_set_registers().
 */
int pause_set_registers(struct vcpu *vcpu, uint64_t index, const struct hadal_set_regs *set,
			uint32_t *refused);

/* The hypercalls. */
int64_t hypercall_pause(struct vcpu *vcpu);
int64_t hypercall_resume(struct vcpu *vcpu);
int64_t hypercall_set_regs(struct vcpu *vcpu);

#endif
