// SPDX-License-Identifier: MIT
/* The VMCS of a CPU that is being taken over: the guest goes on where the system was. */
#include "paging/memory.h"
#include "vcpu/ports.h"
#include "x86/cpu.h"
#include "x86/crossing.h"
#include "vmx/vmx.h"

/* What the processor has after a reset: entries 0 and 3 are WB and UC, as the image's tables want
 * it. */
#define HOST_PAT 0x0007040600070406ull

static void setup_controls(struct vcpu *vcpu)
{
	const struct vmx_controls *controls = &vmx_cpu(vcpu)->controls;

	vmwrite(VMCS_PIN, controls->pin);
	vmwrite(VMCS_EXIT, controls->exit);
	vmwrite(VMCS_ENTRY, controls->entry);
	vmwrite(VMCS_MSR_BITMAP, vmx_msr_bitmap_physical());
	vmwrite(VMCS_IO_BITMAP_A, ports_physical());
	vmwrite(VMCS_IO_BITMAP_B, ports_physical() + 4096);
	vmwrite(VMCS_EPTP, nested_eptp(&machine.nested));
	if (controls->secondary & SECONDARY_VPID)
		vmwrite(VMCS_VPID, vcpu->index + 1); /* 0 is the image's own */
	if (controls->secondary & SECONDARY_XSAVES)
		vmwrite(VMCS_XSS_EXITING, 0);
	if (controls->secondary & SECONDARY_PCONFIG)
		vmwrite(VMCS_PCONFIG_EXITING, 0);
	vmwrite(VMCS_EXCEPTIONS, 0);
	vmwrite(VMCS_PF_MASK, 0);
	vmwrite(VMCS_PF_MATCH, 0);
	vmwrite(VMCS_CR3_TARGETS, 0);
	vmwrite(VMCS_EXIT_MSR_STORES, 0);
	vmwrite(VMCS_EXIT_MSR_LOADS, 0);
	vmwrite(VMCS_ENTRY_MSR_LOADS, 0);
	vmwrite(VMCS_ENTRY_EVENT, 0);
	vmwrite(VMCS_LINK, ~0ull);
	vmx_apply_controls(vcpu);
}

static void setup_host(struct vcpu *vcpu)
{
	vmwrite(VMCS_HOST_CR0, read_cr0());
	vmwrite(VMCS_HOST_CR3, read_cr3());
	vmwrite(VMCS_HOST_CR4, read_cr4());
	vmwrite(VMCS_HOST_EFER, rdmsr(MSR_EFER));
	vmwrite(VMCS_HOST_PAT, HOST_PAT);
	vmwrite(VMCS_HOST_CS, SELECTOR_CODE);
	vmwrite(VMCS_HOST_SS, SELECTOR_DATA);
	vmwrite(VMCS_HOST_DS, SELECTOR_DATA);
	vmwrite(VMCS_HOST_ES, SELECTOR_DATA);
	vmwrite(VMCS_HOST_FS, 0);
	vmwrite(VMCS_HOST_GS, 0);
	vmwrite(VMCS_HOST_TR, SELECTOR_TSS);
	vmwrite(VMCS_HOST_FS_BASE, 0);
	vmwrite(VMCS_HOST_GS_BASE, 0);
	vmwrite(VMCS_HOST_TR_BASE, (uint64_t)&vcpu->tss);
	vmwrite(VMCS_HOST_GDTR_BASE, (uint64_t)vcpu->crossing->gdt);
	vmwrite(VMCS_HOST_IDTR_BASE, idt_pointer().base);
	vmwrite(VMCS_HOST_SYSENTER_CS, 0);
	vmwrite(VMCS_HOST_SYSENTER_ESP, 0);
	vmwrite(VMCS_HOST_SYSENTER_EIP, 0);
	vmwrite(VMCS_HOST_RSP, (uint64_t)vcpu);
}

static void setup_guest(struct vcpu *vcpu)
{
	const struct entry_state *entry = &vcpu->entry;

	vmwrite(VMCS_ACTIVITY, ACTIVITY_ACTIVE);
	vmwrite(VMCS_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_PENDING_DEBUG, 0);
	vmx_set(vcpu, REG_EFER, entry->efer);
	vmx_set(vcpu, REG_CR0, entry->cr0);
	vmx_set(vcpu, REG_CR3, entry->cr3);
	vmx_set(vcpu, REG_CR4, entry->cr4);
	vmx_set(vcpu, REG_RSP, entry->rsp);
	for (int i = 0; i < SEG_COUNT; i++)
		vmx_set_segment(vcpu, i, &entry->segment[i]);
	vmx_set(vcpu, REG_GDTR_BASE, entry->gdtr.base);
	vmx_set(vcpu, REG_GDTR_LIMIT, entry->gdtr.limit);
	vmx_set(vcpu, REG_IDTR_BASE, entry->idtr.base);
	vmx_set(vcpu, REG_IDTR_LIMIT, entry->idtr.limit);
	vmx_set(vcpu, REG_DR7, entry->dr7);
	vmx_set(vcpu, REG_DEBUGCTL, entry->debugctl);
	vmx_set(vcpu, REG_PAT, entry->pat);
	vmx_set(vcpu, REG_SYSENTER_CS, entry->sysenter_cs);
	vmx_set(vcpu, REG_SYSENTER_ESP, entry->sysenter_esp);
	vmx_set(vcpu, REG_SYSENTER_EIP, entry->sysenter_eip);
	vcpu->rip = entry->rip;
	vcpu->rflags = entry->rflags;
}

void vmx_setup(struct vcpu *vcpu)
{
	setup_controls(vcpu);
	setup_host(vcpu);
	setup_guest(vcpu);
	vmx_trace_start(vcpu);
	/* An earlier run of Hadal may have left translations under the same tags. */
	vmx_flush_nested(vcpu);
	vmx_flush_virtual(vcpu);
}
