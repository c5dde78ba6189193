/* SPDX-License-Identifier: MIT */
/* How the image starts on the machine and on each CPU. */
#ifndef HADAL_LIFE_INIT_H
#define HADAL_LIFE_INIT_H

#include "vcpu/vcpu.h"

/* Called by the entry assembly with the loader's registers in vcpu->regs; see hadal/boot.h. */
_Noreturn void image_main(struct vcpu *vcpu);

/* Where a fault goes on that hit during a start: the start fails with -EFAULT. */
_Noreturn void start_faulted(struct vcpu *vcpu);

/*
 * The processor refused to enter the guest: registers that were set since the last exit are taken
 * back; if there are none, the start fails with -EIO and a running system is reset.
 */
_Noreturn void vcpu_entry_failed(struct vcpu *vcpu);

/* Take this CPU out of Hadal; vcpu->regs.rax is the hypercall's result. */
_Noreturn void vcpu_leave(struct vcpu *vcpu);

#define HADAL_VERSION "0.1"

#endif
