// SPDX-License-Identifier: MIT
/* One CPU stops: asked for, or since it cannot start or go on. */
#include "leave/stop.h"
#include "base/errno.h"
#include "base/log.h"
#include "cpus/request.h"
#include "extension/handlers.h"
#include "leave/leave.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"

static _Noreturn void fail_start(struct vcpu *vcpu, int err)
{
	bool was_virtualized = vcpu->virtualized;

	if (was_virtualized) {
		extensions_vcpu_stop(vcpu);
		vendor->stop(vcpu);
	}
	vcpu->virtualized = false;
	vcpu->regs.rax = (int64_t)err;
	leave_to_system(vcpu, was_virtualized && vendor->stop_clears_gif);
}

_Noreturn void start_faulted(struct vcpu *vcpu)
{
	fail_start(vcpu, -EFAULT);
}

static _Noreturn void enter_again(struct vcpu *vcpu)
{
	__asm__ volatile("mov %0, %%rsp\n\tjmp *%1" ::"D"(vcpu), "r"(vendor->resume) : "memory");
	__builtin_unreachable();
}

_Noreturn void vcpu_entry_failed(struct vcpu *vcpu)
{
	log_line("the processor refused to enter the guest at rip %lx", vcpu->rip);
	if (vcpu_undo_registers(vcpu)) {
		log_line("the registers that were set last are as before");
		enter_again(vcpu);
	}
	request_part(vcpu);
	if (vcpu_exits(vcpu))
		vendor->shutdown(vcpu);
	fail_start(vcpu, -EIO);
}

_Noreturn void vcpu_leave(struct vcpu *vcpu)
{
	request_part(vcpu);
	extensions_vcpu_stop(vcpu);
	vendor->stop(vcpu);
	vcpu->virtualized = false;
	log_line("stopped");
	leave_to_system(vcpu, vendor->stop_clears_gif);
}
