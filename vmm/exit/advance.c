// SPDX-License-Identifier: MIT
/* Where RIP goes behind an instruction that exited, beyond what dispatch.h has inlined. */
#include "exit/dispatch.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

void vcpu_advance_near_4g(struct vcpu *vcpu)
{
	uint64_t old = vcpu->rip, next = old + vcpu->exit.length;

	if ((old ^ next) >> 32 && !vcpu_long_mode(vcpu))
		next = (uint32_t)next;
	vcpu->rip = next;
}

void vcpu_step_done(struct vcpu *vcpu)
{
	if (vcpu->stepping)
		vcpu_step_emulated(vcpu);
	else if (!(vcpu_get(vcpu, REG_DEBUGCTL) & DEBUGCTL_BTF))
		vendor->pend_single_step(vcpu);
}
