// SPDX-License-Identifier: MIT
/* What exits: controls, and the MSRs that are not the processor's own. */
#include "paging/memory.h"
#include "vcpu/register_check.h"
#include "x86/cpu.h"
#include "vmx/vmx.h"

void vmx_apply_controls(struct vcpu *vcpu)
{
	const struct vmx_cpu *cpu = vmx_cpu(vcpu);
	struct vmx_controls now = cpu->controls;

	vmx_controls_intercept(&now, cpu->kinds);
	vmx_controls_intercept_cr(&now, cpu->cr_writes);
	if (cpu->nmi_window || cpu->iret_window)
		now.primary |= PRIMARY_NMI_WINDOW;
	if (cpu->sti_window)
		now.primary |= PRIMARY_INTERRUPT_WINDOW;
	vmwrite(VMCS_PRIMARY, now.primary);
	vmwrite(VMCS_SECONDARY, now.secondary);
	vmwrite(VMCS_CR0_MASK, now.cr0_mask);
	vmwrite(VMCS_CR4_MASK, now.cr4_mask);
}

/* Changes the bits that the masks of CR0 and CR4 cover, and with them what the shadows must hold.
 */
static void intercept(struct vcpu *vcpu, uint64_t kinds, uint32_t cr_writes)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);
	uint64_t cr0 = vmx_get(vcpu, REG_CR0), cr4 = vmx_get(vcpu, REG_CR4);

	cpu->kinds = kinds;
	cpu->cr_writes = cr_writes;
	vmx_apply_controls(vcpu);
	vmwrite(VMCS_CR0_SHADOW, cr0);
	vmwrite(VMCS_CR4_SHADOW, cr4);
}

int vmx_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind, bool on)
{
	const struct vmx_cpu *cpu = vmx_cpu(vcpu);

	if (!vmx_can_intercept(&cpu->caps, kind))
		return -EOPNOTSUPP;
	intercept(vcpu, on ? cpu->kinds | BIT(kind) : cpu->kinds & ~BIT(kind), cpu->cr_writes);
	return 0;
}

void vmx_intercept_cr_writes(struct vcpu *vcpu, uint32_t registers)
{
	intercept(vcpu, vmx_cpu(vcpu)->kinds, registers);
}

void vmx_intercept_exceptions(struct vcpu *vcpu, uint32_t vectors)
{
	(void)vcpu;
	vmwrite(VMCS_EXCEPTIONS, vectors);
}

/* The field that holds an MSR while the image runs, or 0. */
static uint32_t field_of_msr(uint32_t msr)
{
	switch (msr) {
	case MSR_SYSENTER_CS:
		return VMCS_SYSENTER_CS;
	case MSR_SYSENTER_ESP:
		return VMCS_SYSENTER_ESP;
	case MSR_SYSENTER_EIP:
		return VMCS_SYSENTER_EIP;
	case MSR_DEBUGCTL:
		return VMCS_GUEST_DEBUGCTL;
	case MSR_PAT:
		return VMCS_GUEST_PAT;
	case MSR_EFER:
		return VMCS_GUEST_EFER;
	case MSR_FS_BASE:
		return VMCS_BASE(SEG_FS);
	case MSR_GS_BASE:
		return VMCS_BASE(SEG_GS);
	default:
		return 0;
	}
}

/* VT-x looks like locked off by the firmware: the system leaves it alone, and no one can tell more.
 */
static uint64_t feature_control(void)
{
	return (rdmsr(MSR_FEATURE_CONTROL) | FEATURE_CONTROL_LOCKED) &
	       ~(FEATURE_CONTROL_VMX | FEATURE_CONTROL_VMX_INSIDE_SMX);
}

enum verdict vmx_read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	uint32_t field = field_of_msr(msr);

	if (msr == MSR_FEATURE_CONTROL)
		*value = feature_control();
	else if (field)
		*value = vmread(field);
	else
		return vmx_trace_read(vcpu, msr, value);
	return VERDICT_DONE;
}

static bool efer_allowed(struct vcpu *vcpu, uint64_t value)
{
	uint64_t changed = value ^ vmx_get(vcpu, REG_EFER);

	if (changed & ~vmx_efer_allowed())
		return false;
	return !((changed & EFER_LME) && (vmx_get(vcpu, REG_CR0) & CR0_PG));
}

/* The processor's own opinion: every exit sets the MSR anew, and the image does not use it. */
static bool processor_allows(uint32_t msr, uint64_t value)
{
	bool allowed = !wrmsr_safe(msr, value);

	if (msr == MSR_DEBUGCTL)
		wrmsr(msr, 0);
	return allowed;
}

static bool write_allowed(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	switch (msr) {
	case MSR_FEATURE_CONTROL: /* locked */
		return false;
	case MSR_EFER:
		return efer_allowed(vcpu, value);
	case MSR_PAT:
		return pat_is_valid(value);
	default:
		return processor_allows(msr, value);
	}
}

enum verdict vmx_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	uint32_t field = field_of_msr(msr);

	if (!field && msr != MSR_FEATURE_CONTROL)
		return vmx_trace_write(vcpu, msr, value);
	if (!write_allowed(vcpu, msr, value)) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	if (msr == MSR_EFER) /* LMA is the processor's */
		vmx_set(vcpu, REG_EFER, (value & ~EFER_LMA) | (vmx_get(vcpu, REG_EFER) & EFER_LMA));
	else
		vmwrite(field, value);
	return VERDICT_DONE;
}
