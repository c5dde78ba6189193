// SPDX-License-Identifier: MIT
/* The VMCB of a CPU that is being taken over: the guest goes on where the system was. */
#include "paging/memory.h"
#include "vcpu/ports.h"
#include "x86/cpu.h"
#include "svm/svm.h"

#define GUEST_ASID 1
#define EMULATED   BIT(31) /* of CPUID 1, ECX: not a processor itself, or somebody below */

static void setup_control(struct vcpu *vcpu)
{
	static const uint8_t always[] = {
		SVM_INTERCEPT_NMI,      SVM_INTERCEPT_INVD,   SVM_INTERCEPT_MSR,
		SVM_INTERCEPT_SHUTDOWN, SVM_INTERCEPT_VMRUN,  SVM_INTERCEPT_VMMCALL,
		SVM_INTERCEPT_VMLOAD,   SVM_INTERCEPT_VMSAVE, SVM_INTERCEPT_STGI,
		SVM_INTERCEPT_CLGI,     SVM_INTERCEPT_SKINIT, SVM_INTERCEPT_INVLPGA,
	};
	struct vmcb *vmcb = svm_vmcb(vcpu);

	for (size_t i = 0; i < sizeof(always); i++)
		svm_set_intercept(vcpu, always[i], true);
	/*
	 * Processors leave the guest for SMM and come back. QEMU goes there as the guest, with its
	 * nested tables and intercepts, and not back; so there the SMI is let in between two exits.
	 */
	svm_set_intercept(vcpu, SVM_INTERCEPT_SMI, cpuid(1, 0).ecx & EMULATED);
	svm_intercept_exceptions(vcpu, 0);
	vmcb->msrpm = svm_msr_bitmap_physical();
	vmcb->iopm = ports_physical();
	vmcb->asid = GUEST_ASID;
	vmcb->tlb_control = SVM_TLB_FLUSH_ALL;
	vmcb->nested_enable = NESTED_PAGING | (svm_caps.invlpgb ? NESTED_INVLPGB : 0);
	vmcb->nested_cr3 = nested_root(&machine.nested);
}

static void setup_guest(struct vcpu *vcpu)
{
	const struct entry_state *entry = &vcpu->entry;
	struct vmcb *vmcb = svm_vmcb(vcpu);

	for (int i = 0; i < SEG_COUNT; i++)
		svm_set_segment(vcpu, i, &entry->segment[i]);
	vmcb->gdtr = (struct svm_segment){0, 0, entry->gdtr.limit, entry->gdtr.base};
	vmcb->idtr = (struct svm_segment){0, 0, entry->idtr.limit, entry->idtr.base};
	vmcb->cpl = 0;
	vmcb->efer = entry->efer | EFER_SVME;
	vmcb->cr0 = entry->cr0;
	vmcb->cr2 = read_cr2();
	vmcb->cr3 = entry->cr3;
	vmcb->cr4 = entry->cr4;
	vmcb->dr6 = read_dr6();
	vmcb->dr7 = entry->dr7;
	vmcb->rip = entry->rip;
	vmcb->rsp = entry->rsp;
	vmcb->rflags = entry->rflags;
	vmcb->pat = entry->pat;
}

void svm_setup(struct vcpu *vcpu)
{
	setup_control(vcpu);
	setup_guest(vcpu);
}
