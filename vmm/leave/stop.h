/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LEAVE_STOP_H
#define HADAL_LEAVE_STOP_H

#include "vcpu/vcpu.h"

/*
 * Where a fault goes on that hit while a CPU started or stopped: a start fails with -EFAULT, a stop
 * goes on behind the step that faulted.
 */
_Noreturn void stop_goes_on(struct vcpu *vcpu);

/*
 * The processor refused to enter the guest: registers that were set since the last exit are taken
 * back; if there are none, the start fails with -EIO and a running system is reset.
 */
_Noreturn void vcpu_entry_failed(struct vcpu *vcpu);

/*
 * Take this CPU out of Hadal; vcpu->regs.rax is the hypercall's result. for_good: it does not start
 * again, and what is kept of its guest is wiped.
 */
_Noreturn void vcpu_leave(struct vcpu *vcpu, bool for_good);

#endif
