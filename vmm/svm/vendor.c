// SPDX-License-Identifier: MIT
/* SVM on and off, and what the guest's VMCB starts with (APM vol. 2, chapter 15). */
#include "base/log.h"
#include "paging/memory.h"
#include "base/string.h"
#include "vcpu/entry_check.h"
#include "x86/cpu.h"
#include "x86/reset.h"
#include "svm/svm.h"

#define VM_CR_SVMDIS (1ull << 4)
#define SYSCFG_SMEE  (1ull << 23)

static const char *yes(bool has)
{
	return has ? "yes" : "no";
}

static int svm_probe(void)
{
	const char *lacking = svm_caps_read();

	if (lacking) {
		log_line("%s", lacking);
		return -ENODEV;
	}
	log_line("SVM has nested paging; next RIP: %s, decode assists: %s, flush by ASID: %s",
		 yes(svm_caps.next_rip), yes(svm_caps.decode_assists),
		 yes(svm_caps.flush == SVM_TLB_FLUSH_ASID));
	return 0;
}

static bool memory_encrypted(const struct entry_state *entry)
{
	uint64_t syscfg;

	if (cpuid(0x80000000, 0).eax < 0x8000001f || rdmsr_safe(MSR_SYSCFG, &syscfg) ||
	    !(syscfg & SYSCFG_SMEE))
		return false;
	return entry->cr3 >> (cpuid(0x8000001f, 0).ebx & 0x3f) & 1;
}

static int svm_check(struct vcpu *vcpu)
{
	const struct entry_state *entry = &vcpu->entry;
	uint64_t vm_cr;

	if (entry->efer & EFER_SVME) {
		log_line("SVM is in use on this CPU already");
		return -EBUSY;
	}
	if (!rdmsr_safe(MSR_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS)) {
		log_line("the firmware has disabled SVM (VM_CR.SVMDIS)");
		return -EPERM;
	}
	if (memory_encrypted(entry)) {
		log_line("memory encryption is active");
		return -EOPNOTSUPP;
	}
	return entry_check(entry->cr4, read_s_cet(entry->cr4));
}

/*
 * State that VMRUN swaps on processors that have it (APM 15.5.1), to be carried over both ways: the
 * guest would lose its protection, or the system after a stop. SSP counts only while the kernel has
 * a shadow stack of its own, and then Hadal does not start.
 */
static void fill_protection(struct vmcb *vmcb)
{
	if (svm_caps.spec_ctrl)
		vmcb->spec_ctrl = rdmsr(MSR_SPEC_CTRL);
	if (svm_caps.shadow_stack) {
		vmcb->s_cet = rdmsr(MSR_S_CET);
		vmcb->isst = rdmsr(MSR_ISST);
	}
}

static void restore_protection(const struct vmcb *vmcb)
{
	if (svm_caps.spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, vmcb->spec_ctrl);
	if (svm_caps.shadow_stack) {
		wrmsr(MSR_S_CET, vmcb->s_cet);
		wrmsr(MSR_ISST, vmcb->isst);
	}
}

static int svm_start(struct vcpu *vcpu)
{
	int err = svm_check(vcpu);

	if (err)
		return err;
	memset(vcpu->arch, 0, PERCPU_ARCH_PAGES * PAGE_BYTES);
	vcpu->arch_data[SVM_DATA_GUEST_VMCB] = vcpu->arch_physical[SVM_PAGE_GUEST];
	vcpu->arch_data[SVM_DATA_HOST_VMCB] = vcpu->arch_physical[SVM_PAGE_HOST];
	vcpu->arch_data[SVM_DATA_FLAGS] = 0;
	vcpu->arch_data[SVM_DATA_CR_WRITES] = 0;
	vcpu->arch_data[SVM_DATA_ALL_CR_WRITES] = 0;
	wrmsr(MSR_EFER, vcpu->entry.efer | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, vcpu->arch_physical[SVM_PAGE_HOST_SAVE]);
	/* The guest's VMCB takes the system call MSRs; the rest of what VMSAVE saves is replaced.
	 */
	__asm__ volatile("vmsave %0" ::"a"(vcpu->arch_physical[SVM_PAGE_GUEST]) : "memory");
	__asm__ volatile("vmsave %0" ::"a"(vcpu->arch_physical[SVM_PAGE_HOST]) : "memory");
	svm_setup(vcpu);
	fill_protection(svm_vmcb(vcpu));
	return 0;
}

static void save_segments(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);
	struct entry_state *entry = &vcpu->entry;

	for (int i = 0; i < SEG_COUNT; i++)
		svm_get_segment(vcpu, i, &entry->segment[i]);
	entry->gdtr = (struct descriptor_pointer){vmcb->gdtr.limit, vmcb->gdtr.base};
	entry->idtr = (struct descriptor_pointer){vmcb->idtr.limit, vmcb->idtr.base};
}

static void svm_stop(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);
	struct entry_state *entry = &vcpu->entry;

	save_segments(vcpu);
	entry->cr0 = vmcb->cr0;
	entry->cr3 = vmcb->cr3;
	entry->cr4 = vmcb->cr4;
	entry->efer = vmcb->efer & ~EFER_SVME;
	entry->rip = vcpu->rip;
	entry->rsp = vmcb->rsp;
	entry->rflags = vcpu->rflags;
	entry->dr7 = vmcb->dr7;
	entry->debugctl = rdmsr(MSR_DEBUGCTL);
	entry->pat = vmcb->pat;
	entry->sysenter_cs = vmcb->sysenter_cs;
	entry->sysenter_esp = vmcb->sysenter_esp;
	entry->sysenter_eip = vmcb->sysenter_eip;
	__asm__ volatile("vmload %0" ::"a"(vcpu->arch_physical[SVM_PAGE_GUEST]) : "memory");
	restore_protection(vmcb);
	write_cr2(vmcb->cr2);
	write_dr6(vmcb->dr6);
	wrmsr(MSR_VM_HSAVE_PA, 0);
}

/* Those of the image's own tables, which CR4 tells for both (APM 15.25.5). */
static unsigned npt_levels(void)
{
	return paging_levels(read_cr4());
}

static bool npt_has_fetch_only(void)
{
	return false;
}

const struct vendor svm_vendor = {
	.id = HADAL_VENDOR_AMD,
	.name = "AMD SVM",
	.nested_is_ept = false,
	.nested_levels = npt_levels,
	.nested_has_1g = memory_has_1g, /* NPT has the host's format */
	.nested_has_fetch_only = npt_has_fetch_only,
	.stop_clears_gif = true,
	.probe = svm_probe,
	.check = svm_check,
	.start = svm_start,
	.enter = svm_enter,
	.resume = svm_resume,
	.stop = svm_stop,
	.get = svm_get,
	.long_mode = svm_long_mode,
	.in_kernel = svm_in_kernel,
	.set = svm_set,
	.get_segment = svm_get_segment,
	.set_segment = svm_set_segment,
	.wake = svm_clear_shadow,
	.needs_if = svm_needs_if,
	.strict_segments = false,
	.intercept = svm_intercept,
	.intercept_cr_writes = svm_intercept_cr_writes,
	.intercept_exceptions = svm_intercept_exceptions,
	.intercept_msr = svm_intercept_msr,
	.read_msr = svm_read_msr,
	.write_msr = svm_write_msr,
	.cr4_allowed = svm_cr4_allowed,
	.efer_allowed = svm_efer_allowed,
	.reinject_exception = svm_reinject_exception,
	.pend_single_step = svm_pend_single_step,
	.request_nmi_window = svm_request_nmi_window,
	.nmi_blocked = svm_nmi_blocked,
	.nmi_allowed = svm_nmi_allowed,
	.request_interrupt_window = svm_request_interrupt_window,
	.interrupt_allowed = svm_interrupt_allowed,
	.forget_events = svm_forget_events,
	.init_exits = false,
	.use_root = svm_use_root,
	.exit_after_event = svm_exit_after_event,
	.event_queued = svm_event_queued,
	.trap = svm_trap,
	.place = svm_place,
	.fault_linear = svm_fault_linear,
	.flush_nested = svm_flush_nested,
	.shutdown = machine_reset,
};

const struct vendor *svm_vendor_first(void)
{
	static struct vendor first;

	first = svm_vendor;
	first.read_msr = svm_read_msr_first;
	return &first;
}
