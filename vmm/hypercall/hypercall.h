/* SPDX-License-Identifier: MIT */
/* The hypercalls of hadal/abi.h: each takes its arguments from the vCPU's registers. */
#ifndef HADAL_HYPERCALL_HYPERCALL_H
#define HADAL_HYPERCALL_HYPERCALL_H

#include "vcpu/vcpu.h"

/* Copy a filled struct to the caller's buffer of `size` bytes at `gpa`. 0, -EINVAL, -EFAULT. */
int hypercall_answer(uint64_t gpa, uint64_t size, const void *from, size_t bytes);

/* Memory transfers and translation; in transfer.c. */
int64_t hypercall_read(struct vcpu *vcpu);
int64_t hypercall_write(struct vcpu *vcpu);
int64_t hypercall_translate(struct vcpu *vcpu);
/* RAM that comes and goes; in ram.c. */
int64_t hypercall_ram(struct vcpu *vcpu, bool add);
/* Memory for the pool, or back from it; in donate.c. */
int64_t hypercall_donate(struct vcpu *vcpu, bool back);
/* Pages that show others; in map.c. */
int64_t hypercall_map(struct vcpu *vcpu);
int64_t hypercall_unmap(struct vcpu *vcpu);

#endif
