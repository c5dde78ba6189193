/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIFE_START_H
#define HADAL_LIFE_START_H

#include "vcpu/vcpu.h"

/*
 * Keep the state of the processor that called with this CR3 and CR4 in vcpu->entry, and load the
 * image's own descriptors. 0 or -EFAULT.
 */
int start_take_over(struct vcpu *vcpu, uint64_t cr3, uint64_t cr4);

/* Make the guest of the system that called. Returns on failure only, with a negative errno. */
int start_cpu(struct vcpu *vcpu, uint64_t cr3, uint64_t cr4);

#endif
