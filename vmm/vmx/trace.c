// SPDX-License-Identifier: MIT
/* PEBS, Processor Trace and last-branch records: off while the image runs (SDM vol. 3, 18 to 20,
 * 33). */
#include "base/log.h"
#include "paging/memory.h"
#include "x86/cpu.h"
#include "vmx/vmx.h"

#define CPUID_1_EDX_DS (1u << 21)
#define CPUID_7_EBX_PT (1u << 25)

/* An element of the lists of MSRs that entries and exits load (SDM 25.7.2). */
struct msr_load {
	uint32_t msr, reserved;
	uint64_t value;
};

/* Both lists lie behind struct vmx_cpu in its page. */
#define LIST_OFFSET 2048
_Static_assert(sizeof(struct vmx_cpu) <= LIST_OFFSET, "the lists would overlap struct vmx_cpu");

static bool has_pebs, has_pt;

static struct msr_load *list(struct vcpu *vcpu)
{
	return (struct msr_load *)((uint8_t *)vmx_cpu(vcpu) + LIST_OFFSET);
}

static uint64_t list_physical(struct vcpu *vcpu, unsigned index)
{
	return vcpu->arch_physical[VMX_PAGE_CPU] + LIST_OFFSET + index * sizeof(struct msr_load);
}

void vmx_trace_init(void)
{
	uint64_t unused;

	has_pebs = (cpuid(1, 0).edx & CPUID_1_EDX_DS) && !rdmsr_safe(MSR_PEBS_ENABLE, &unused);
	has_pt = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ebx & CPUID_7_EBX_PT);
	if (has_pebs)
		vmx_intercept_msr(MSR_PEBS_ENABLE, true, true);
	if (has_pt)
		vmx_intercept_msr(MSR_RTIT_CTL, false, true);
	vmx_intercept_msr(MSR_MICROCODE, false, true);
}

int vmx_trace_check(const struct vmx_controls *controls)
{
	uint64_t rtit = 0;

	if (has_pt && controls->pt_refused && !rdmsr_safe(MSR_RTIT_CTL, &rtit) &&
	    (rtit & RTIT_TRACE)) {
		log_line("Processor Trace is in use, and this processor would let it write where "
			 "the system must not: stop it first (perf record -e intel_pt)");
		return -EBUSY;
	}
	return 0;
}

/*
 * PEBS writes its records through the page tables that are loaded, which the image's are not made
 * for: exits turn it off, and entries on again. With nothing in the lists neither costs anything.
 */
static void set_pebs(struct vcpu *vcpu, uint64_t value)
{
	struct msr_load *at_exit = &list(vcpu)[0], *at_entry = &list(vcpu)[1];

	vmx_cpu(vcpu)->pebs_enable = value;
	*at_exit = (struct msr_load){.msr = MSR_PEBS_ENABLE};
	*at_entry = (struct msr_load){.msr = MSR_PEBS_ENABLE, .value = value};
	vmwrite(VMCS_EXIT_MSR_LOADS, !!value);
	vmwrite(VMCS_ENTRY_MSR_LOADS, !!value);
}

void vmx_trace_start(struct vcpu *vcpu)
{
	const struct vmx_controls *controls = &vmx_cpu(vcpu)->controls;
	uint64_t value = 0;

	vmwrite(VMCS_EXIT_MSR_LOAD, list_physical(vcpu, 0));
	vmwrite(VMCS_ENTRY_MSR_LOAD, list_physical(vcpu, 1));
	if (has_pebs) {
		rdmsr_safe(MSR_PEBS_ENABLE, &value);
		set_pebs(vcpu, value);
		wrmsr_safe(MSR_PEBS_ENABLE, 0);
	}
	if (controls->entry & ENTRY_LOAD_PT) {
		vmwrite(VMCS_GUEST_RTIT_CTL, rdmsr(MSR_RTIT_CTL));
		wrmsr(MSR_RTIT_CTL, 0);
	}
	if (controls->entry & ENTRY_LOAD_LBR) {
		vmwrite(VMCS_GUEST_LBR_CTL, rdmsr(MSR_LBR_CTL));
		wrmsr(MSR_LBR_CTL, 0);
	}
}

void vmx_trace_stop(struct vcpu *vcpu)
{
	const struct vmx_cpu *cpu = vmx_cpu(vcpu);

	if (cpu->pebs_enable)
		wrmsr_safe(MSR_PEBS_ENABLE, cpu->pebs_enable);
	if (cpu->controls.entry & ENTRY_LOAD_PT)
		wrmsr(MSR_RTIT_CTL, vmread(VMCS_GUEST_RTIT_CTL));
	if (cpu->controls.entry & ENTRY_LOAD_LBR)
		wrmsr(MSR_LBR_CTL, vmread(VMCS_GUEST_LBR_CTL));
}

enum verdict vmx_trace_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	const struct vmx_cpu *cpu = vmx_cpu(vcpu);

	if (msr == MSR_PEBS_ENABLE && has_pebs)
		*value = cpu->pebs_enable;
	else if (msr == MSR_RTIT_CTL && (cpu->controls.entry & ENTRY_LOAD_PT))
		*value = vmread(VMCS_GUEST_RTIT_CTL);
	else if (msr == MSR_LBR_CTL && (cpu->controls.entry & ENTRY_LOAD_LBR))
		*value = vmread(VMCS_GUEST_LBR_CTL);
	else
		return VERDICT_PASS;
	return VERDICT_DONE;
}

/*
 * The processor's own opinion of a value; the image goes on with the MSR off. Nothing counts
 * meanwhile, so that nothing is recorded.
 */
static bool allowed(uint32_t msr, uint64_t value)
{
	uint64_t counters = 0;
	bool counting = !rdmsr_safe(MSR_PERF_GLOBAL_CTRL, &counters) && counters;
	bool taken;

	if (counting)
		wrmsr(MSR_PERF_GLOBAL_CTRL, 0);
	taken = !wrmsr_safe(msr, value);
	if (taken)
		wrmsr(msr, 0);
	if (counting)
		wrmsr(MSR_PERF_GLOBAL_CTRL, counters);
	return taken;
}

static enum verdict refuse(struct vcpu *vcpu)
{
	vcpu_inject_gp(vcpu);
	return VERDICT_RETRY;
}

enum verdict vmx_trace_write(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	const struct vmx_controls *controls = &vmx_cpu(vcpu)->controls;

	switch (msr) {
	case MSR_PEBS_ENABLE:
		if (!has_pebs || !allowed(msr, value))
			return refuse(vcpu);
		set_pebs(vcpu, value);
		return VERDICT_DONE;
	case MSR_RTIT_CTL:
		if (!(controls->entry & ENTRY_LOAD_PT)) /* as where VMX and it exclude each other */
			return controls->pt_refused && (value & RTIT_TRACE) ? refuse(vcpu)
									    : VERDICT_PASS;
		/* Tried without TraceEn, which would trace the image. */
		if (!allowed(msr, value & ~RTIT_TRACE))
			return refuse(vcpu);
		vmwrite(VMCS_GUEST_RTIT_CTL, value);
		return VERDICT_DONE;
	case MSR_LBR_CTL:
		if (!(controls->entry & ENTRY_LOAD_LBR))
			return VERDICT_PASS;
		if (!allowed(msr, value))
			return refuse(vcpu);
		vmwrite(VMCS_GUEST_LBR_CTL, value);
		return VERDICT_DONE;
	case MSR_MICROCODE: /* the processor itself loads none in VMX operation (SDM 26.3) */
		log_line("a microcode update was not loaded: stop Hadal for it");
		return VERDICT_DONE;
	default:
		return VERDICT_PASS;
	}
}
