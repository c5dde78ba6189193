// SPDX-License-Identifier: MIT
/* Turning VT-x on and off (SDM vol. 3, 24.6 to 24.8 and 32.1). */
#include "base/log.h"
#include "base/string.h"
#include "paging/memory.h"
#include "vcpu/entry_check.h"
#include "x86/cpu.h"
#include "x86/reset.h"
#include "x86/speculation.h"
#include "vmx/vmx.h"

#define CPUID_1_ECX_VMX             (1u << 5)
#define CPUID_7_EBX_SGX             (1u << 2)
#define CPUID_7_ECX_SGX_LAUNCH      (1u << 30)
#define CAPABILITIES_PSCHANGE_MC_NO (1ull << 6)
#define MSR_MCG_CAP                 0x179
#define MCG_LMCE                    (1ull << 27)

static void read_caps(struct vmx_caps *caps)
{
	unsigned offset;

	memset(caps, 0, sizeof(*caps));
	caps->basic = rdmsr(MSR_VMX_BASIC);
	offset = caps->basic & BASIC_TRUE ? MSR_VMX_TRUE_OFFSET : 0;
	caps->pin = rdmsr(MSR_VMX_PIN + offset);
	caps->primary = rdmsr(MSR_VMX_PRIMARY + offset);
	caps->exit = rdmsr(MSR_VMX_EXIT + offset);
	caps->entry = rdmsr(MSR_VMX_ENTRY + offset);
	caps->misc = rdmsr(MSR_VMX_MISC);
	caps->cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0);
	caps->cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1);
	caps->cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0);
	caps->cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1);
	if (!(caps->primary >> 32 & PRIMARY_SECONDARY))
		return;
	caps->secondary = rdmsr(MSR_VMX_SECONDARY);
	if (caps->secondary >> 32 & (SECONDARY_EPT | SECONDARY_VPID))
		caps->ept_vpid = rdmsr(MSR_VMX_EPT_VPID);
}

static int check_features(struct vmx_caps *caps, struct vmx_controls *controls)
{
	const char *lacking;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
		log_line("this processor does not offer VT-x: turn it on in the firmware's setup");
		return -ENODEV;
	}
	read_caps(caps);
	lacking = vmx_controls_choose(caps, controls);
	if (lacking) {
		log_line("this processor's VT-x lacks %s", lacking);
		return -ENODEV;
	}
	return 0;
}

/* Pages of EPT are split while the guest runs, which such a processor may not survive. */
static void tell_itlb_multihit(void)
{
	if (!(arch_capabilities() & CAPABILITIES_PSCHANGE_MC_NO))
		log_line(
			"this processor does not say that it is free of the ITLB multihit erratum");
}

static int vmx_probe(void)
{
	struct vmx_caps caps;
	struct vmx_controls controls;
	int err;

	vmx_intercept_msr(MSR_FEATURE_CONTROL, true, true);
	vmx_trace_init();
	tell_itlb_multihit();
	err = check_features(&caps, &controls);
	if (!err)
		log_line("VT-x has EPT and unrestricted guests; 1 GiB pages: %s, VPID: %s, "
			 "monitor trap flag: %s",
			 caps.ept_vpid & EPT_1G ? "yes" : "no",
			 controls.secondary & SECONDARY_VPID ? "yes" : "no",
			 caps.primary >> 32 & PRIMARY_STEP ? "yes" : "no");
	return err;
}

static uint64_t lockable(uint64_t value)
{
	struct cpuid_result features = {0};
	uint64_t machine_check = 0;

	if (cpuid(0, 0).eax >= 7)
		features = cpuid(7, 0);
	rdmsr_safe(MSR_MCG_CAP, &machine_check);
	return vmx_feature_control(value, machine_check & MCG_LMCE, features.ebx & CPUID_7_EBX_SGX,
				   features.ecx & CPUID_7_ECX_SGX_LAUNCH);
}

/* OVMF for one leaves the MSR unlocked; the lock stays until the next reset. */
static int unlock(void)
{
	uint64_t value = rdmsr(MSR_FEATURE_CONTROL);

	if (value & FEATURE_CONTROL_LOCKED)
		return 0;
	return wrmsr_safe(MSR_FEATURE_CONTROL, lockable(value)) ? -EPERM : 0;
}

static int vmx_check(struct vcpu *vcpu)
{
	struct vmx_caps caps;
	struct vmx_controls controls;
	uint64_t value;
	int err;

	if (vcpu->entry.cr4 & CR4_VMXE) {
		log_line("another hypervisor holds this CPU: unload it first (KVM: rmmod "
			 "kvm_intel)");
		return -EBUSY;
	}
	err = check_features(&caps, &controls);
	if (!err)
		err = entry_check(vcpu->entry.cr4, read_s_cet(vcpu->entry.cr4));
	if (!err)
		err = vmx_trace_check(&controls);
	if (err)
		return err;
	value = rdmsr(MSR_FEATURE_CONTROL);
	if ((value & FEATURE_CONTROL_LOCKED) && !(value & FEATURE_CONTROL_VMX)) {
		log_line("the firmware has locked VT-x off: turn it on in the firmware's setup");
		return -EPERM;
	}
	return 0;
}

static bool vmxon(uint64_t physical)
{
	bool failed;

	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
	return !failed;
}

static bool vmclear(uint64_t physical)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
	return !failed;
}

static bool vmptrld(uint64_t physical)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(physical) : "memory");
	return !failed;
}

static void vmx_stop(struct vcpu *vcpu);

static int turn_on(struct vcpu *vcpu)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);
	uint32_t revision = cpu->caps.basic & BASIC_REVISION;

	write_cr0((read_cr0() | cpu->caps.cr0_fixed0) & cpu->caps.cr0_fixed1);
	write_cr4(read_cr4() | cpu->caps.cr4_fixed0);
	for (int page = VMX_PAGE_VMXON; page <= VMX_PAGE_VMCS; page++) {
		uint32_t *region = vmx_page(vcpu, page);

		memset(region, 0, 4096);
		*region = revision;
	}
	if (!vmxon(vcpu->arch_physical[VMX_PAGE_VMXON]))
		return -EIO;
	cpu->state = VMX_ON;
	if (!vmclear(vcpu->arch_physical[VMX_PAGE_VMCS]) ||
	    !vmptrld(vcpu->arch_physical[VMX_PAGE_VMCS]))
		return -EIO;
	cpu->state = VMX_LOADED;
	return 0;
}

static int vmx_start(struct vcpu *vcpu)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);
	int err;

	memset(cpu, 0, sizeof(*cpu));
	err = vmx_check(vcpu);
	if (!err)
		err = check_features(&cpu->caps, &cpu->controls);
	if (!err)
		err = unlock();
	if (err)
		return err;
	err = turn_on(vcpu);
	if (err) {
		log_line("the processor refuses to turn VT-x on");
		vmx_stop(vcpu);
		return err;
	}
	vmx_setup(vcpu);
	return 0;
}

static int vmx_enter(struct vcpu *vcpu)
{
	int result;

	vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_first_exit_stub);
	vmx_encode(vcpu);
	do {
		if (vcpu->attention)
			vmx_attend(vcpu);
		result = vmx_launch(vcpu);
	} while (result > 0);
	vmx_log_entry_failure(vcpu);
	return -EIO;
}

/* The guest's state is the system's again. */
static void save_guest(struct vcpu *vcpu)
{
	struct entry_state *entry = &vcpu->entry;

	entry->cr0 = vmx_get(vcpu, REG_CR0);
	entry->cr3 = vmx_get(vcpu, REG_CR3);
	entry->cr4 = vmx_get(vcpu, REG_CR4) & ~CR4_VMXE;
	entry->efer = vmx_get(vcpu, REG_EFER);
	entry->rip = vcpu->rip;
	entry->rsp = vmx_get(vcpu, REG_RSP);
	entry->rflags = vcpu->rflags;
	for (int i = 0; i < SEG_COUNT; i++)
		vmx_get_segment(vcpu, i, &entry->segment[i]);
	entry->gdtr.base = vmx_get(vcpu, REG_GDTR_BASE);
	entry->gdtr.limit = vmx_get(vcpu, REG_GDTR_LIMIT);
	entry->idtr.base = vmx_get(vcpu, REG_IDTR_BASE);
	entry->idtr.limit = vmx_get(vcpu, REG_IDTR_LIMIT);
	entry->dr7 = vmx_get(vcpu, REG_DR7);
	entry->debugctl = vmx_get(vcpu, REG_DEBUGCTL);
	entry->pat = vmx_get(vcpu, REG_PAT);
	entry->sysenter_cs = vmx_get(vcpu, REG_SYSENTER_CS);
	entry->sysenter_esp = vmx_get(vcpu, REG_SYSENTER_ESP);
	entry->sysenter_eip = vmx_get(vcpu, REG_SYSENTER_EIP);
}

static void vmx_stop(struct vcpu *vcpu)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);

	if (cpu->state == VMX_ENTERED)
		save_guest(vcpu);
	if (cpu->state >= VMX_LOADED)
		vmx_trace_stop(vcpu);
	if (cpu->state >= VMX_LOADED)
		vmclear(vcpu->arch_physical[VMX_PAGE_VMCS]);
	if (cpu->state >= VMX_ON)
		__asm__ volatile("vmxoff" ::: "cc", "memory");
	cpu->state = VMX_OFF;
	write_cr4(read_cr4() & ~CR4_VMXE);
}

static bool ept_has_1g(void)
{
	return rdmsr(MSR_VMX_EPT_VPID) & EPT_1G;
}

static unsigned ept_levels(void)
{
	return vmx_ept_levels(rdmsr(MSR_VMX_EPT_VPID), machine.physical_bits);
}

static bool ept_has_fetch_only(void)
{
	return rdmsr(MSR_VMX_EPT_VPID) & EPT_FETCH_ONLY;
}

const struct vendor vmx_vendor = {
	.id = HADAL_VENDOR_INTEL,
	.name = "Intel VT-x",
	.probe = vmx_probe,
	.nested_is_ept = true,
	.nested_levels = ept_levels,
	.nested_has_1g = ept_has_1g,
	.nested_has_fetch_only = ept_has_fetch_only,
	.check = vmx_check,
	.start = vmx_start,
	.enter = vmx_enter,
	.resume = vmx_resume,
	.stop = vmx_stop,
	.get = vmx_get,
	.long_mode = vmx_long_mode,
	.in_kernel = vmx_in_kernel,
	.set = vmx_set,
	.get_segment = vmx_get_segment,
	.set_segment = vmx_set_segment,
	.wake = vmx_wake,
	.needs_if = vmx_needs_if,
	.strict_segments = true,
	.intercept = vmx_intercept,
	.intercept_cr_writes = vmx_intercept_cr_writes,
	.intercept_exceptions = vmx_intercept_exceptions,
	.intercept_msr = vmx_intercept_msr,
	.read_msr = vmx_read_msr,
	.write_msr = vmx_write_msr,
	.cr4_allowed = vmx_cr4_allowed,
	.efer_allowed = vmx_efer_allowed,
	.reinject_exception = vmx_reinject_exception,
	.pend_single_step = vmx_pend_single_step,
	.request_nmi_window = vmx_request_nmi_window,
	.nmi_blocked = vmx_nmi_blocked,
	.nmi_allowed = vmx_nmi_allowed,
	.request_interrupt_window = vmx_request_interrupt_window,
	.interrupt_allowed = vmx_interrupt_allowed,
	.forget_events = vmx_forget_events,
	.init_exits = true,
	.use_root = vmx_use_root,
	.exit_after_event = vmx_exit_after_event,
	.event_queued = vmx_event_queued,
	.trap = vmx_trap,
	.place = vmx_place,
	.fault_linear = vmx_fault_linear,
	.flush_nested = vmx_flush_nested,
	.shutdown = machine_reset,
};
