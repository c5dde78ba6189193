// SPDX-License-Identifier: MIT
/* One CPU stops: asked for, or since it cannot start or go on. */
#include "leave/stop.h"
#include "base/errno.h"
#include "base/log.h"
#include "base/string.h"
#include "cpus/request.h"
#include "extension/handlers.h"
#include "leave/leave.h"
#include "vcpu/debug.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"
#include "x86/crossing.h"

/* What extensions and the vendor know of the guest; vcpu->regs and entry are on their way to it. */
static void wipe_vcpu(struct vcpu *vcpu)
{
	memset(vcpu->extension_pool, 0, sizeof(vcpu->extension_pool));
	memset(&vcpu->undo, 0, sizeof(vcpu->undo));
	memset(&vcpu->stats, 0, sizeof(vcpu->stats));
	memset(vcpu->arch, 0, PERCPU_ARCH_PAGES * PAGE_BYTES);
}

/* Every step is begun once: one that faults is passed over by stop_goes_on(). */
static _Noreturn void stop(struct vcpu *vcpu)
{
	bool gif_clear = vcpu->virtualized && vendor->stop_clears_gif;

	if (vcpu->phase < PHASE_PARTING) {
		vcpu->phase = PHASE_PARTING;
		if (vcpu->running)
			request_part(vcpu);
	}
	if (vcpu->phase < PHASE_ENDING) {
		vcpu->phase = PHASE_ENDING;
		if (vcpu->virtualized) {
			vcpu_debug_give(vcpu);
			vcpu_trace_end(vcpu);
			extensions_vcpu_stop(vcpu);
		}
	}
	if (vcpu->mc_pending)
		vcpu->crossing->machine_checks++;
	vcpu->phase = PHASE_TURNING_OFF;
	if (vcpu->virtualized)
		vendor->stop(vcpu);
	vcpu->virtualized = false;
	if (vcpu->for_good)
		wipe_vcpu(vcpu);
	vcpu->phase = PHASE_LEAVING;
	if (!vcpu->regs.rax)
		log_line("stopped");
	leave_to_system(vcpu, gif_clear);
}

_Noreturn void stop_goes_on(struct vcpu *vcpu)
{
	if (vcpu->phase == PHASE_STARTING)
		vcpu->regs.rax = -(int64_t)EFAULT;
	stop(vcpu);
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
	if (vcpu_exits(vcpu)) {
		request_part(vcpu);
		vendor->shutdown(vcpu);
	}
	vcpu->regs.rax = -(int64_t)EIO;
	stop(vcpu);
}

_Noreturn void vcpu_leave(struct vcpu *vcpu, bool for_good)
{
	vcpu->regs.rax = 0;
	vcpu->for_good = for_good;
	stop(vcpu);
}
