// SPDX-License-Identifier: MIT
/* What exits: intercepts, and the MSRs that are not the processor's own. */
#include "vcpu/register_check.h"
#include "x86/cpu.h"
#include "svm/svm.h"

#define VM_CR_LOCK_SVMDIS 0x18ull

static void set_range(struct vcpu *vcpu, unsigned first, unsigned count, bool on)
{
	for (unsigned i = 0; i < count; i++)
		svm_set_intercept(vcpu, first + i, on);
}

static void apply_cr_writes(struct vcpu *vcpu)
{
	uint64_t mask = vcpu->arch_data[SVM_DATA_ALL_CR_WRITES]
				? 0xffff
				: vcpu->arch_data[SVM_DATA_CR_WRITES];

	for (unsigned cr = 0; cr < 16; cr++)
		svm_set_intercept(vcpu, SVM_INTERCEPT_CR_WRITE + cr, mask >> cr & 1);
}

void svm_intercept_cr_writes(struct vcpu *vcpu, uint32_t registers)
{
	vcpu->arch_data[SVM_DATA_CR_WRITES] = registers;
	apply_cr_writes(vcpu);
}

int svm_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind, bool on)
{
	static const uint8_t single[HADAL_EXIT_KIND_COUNT] = {
		[HADAL_EXIT_CPUID] = SVM_INTERCEPT_CPUID,
		[HADAL_EXIT_WBINVD] = SVM_INTERCEPT_WBINVD,
		[HADAL_EXIT_HLT] = SVM_INTERCEPT_HLT,
		[HADAL_EXIT_RDTSC] = SVM_INTERCEPT_RDTSC,
		[HADAL_EXIT_RDTSCP] = SVM_INTERCEPT_RDTSCP,
		[HADAL_EXIT_RDPMC] = SVM_INTERCEPT_RDPMC,
		[HADAL_EXIT_PAUSE] = SVM_INTERCEPT_PAUSE,
		[HADAL_EXIT_MONITOR] = SVM_INTERCEPT_MONITOR,
		[HADAL_EXIT_MWAIT] = SVM_INTERCEPT_MWAIT,
		[HADAL_EXIT_INVLPG] = SVM_INTERCEPT_INVLPG,
		[HADAL_EXIT_IO] = SVM_INTERCEPT_IO,
		[HADAL_EXIT_XSETBV] = SVM_INTERCEPT_XSETBV,
	};

	switch (kind) {
	case HADAL_EXIT_CR_READ:
		set_range(vcpu, SVM_INTERCEPT_CR_READ, 16, on);
		return 0;
	case HADAL_EXIT_CR_WRITE:
		vcpu->arch_data[SVM_DATA_ALL_CR_WRITES] = on;
		apply_cr_writes(vcpu);
		return 0;
	case HADAL_EXIT_DR_ACCESS:
		set_range(vcpu, SVM_INTERCEPT_DR_READ, 32, on);
		return 0;
	case HADAL_EXIT_DESCRIPTOR:
		set_range(vcpu, SVM_INTERCEPT_IDTR_READ, 8, on);
		return 0;
	default:
		if (!single[kind])
			return -EOPNOTSUPP;
		svm_set_intercept(vcpu, single[kind], on);
		return 0;
	}
}

void svm_intercept_exceptions(struct vcpu *vcpu, uint32_t vectors)
{
	svm_vmcb(vcpu)->intercept[SVM_INTERCEPT_EXCEPTION / 32] = vectors | BIT(VECTOR_GP);
	/* INT n may be of these vectors too, and QEMU has INT3 and INTO there. */
	svm_set_intercept(vcpu, SVM_INTERCEPT_SOFTWARE_INT,
			  vectors & (1u << VECTOR_BP | 1u << VECTOR_OF));
}

#define CASE_MSR(NAME, member) \
	case MSR_##NAME:       \
		return &vmcb->member;

/* MSRs that VMLOAD and VMSAVE swap: the processor holds the image's values during an exit. */
static uint64_t *swapped(struct vmcb *vmcb, uint32_t msr)
{
	switch (msr) {
		SVM_SWAPPED(CASE_MSR)
	case MSR_FS_BASE:
		return &vmcb->fs.base;
	case MSR_GS_BASE:
		return &vmcb->gs.base;
	case MSR_SPEC_CTRL:
		return svm_caps.spec_ctrl ? &vmcb->spec_ctrl : NULL;
	case MSR_S_CET:
		return svm_caps.shadow_stack ? &vmcb->s_cet : NULL;
	case MSR_ISST:
		return svm_caps.shadow_stack ? &vmcb->isst : NULL;
	default:
		return NULL;
	}
}

/* The processor's own opinion; the image keeps its value. */
static bool processor_allows(uint32_t msr, uint64_t value)
{
	uint64_t own = rdmsr(msr);
	bool allowed = !wrmsr_safe(msr, value);

	wrmsr(msr, own);
	return allowed;
}

/*
 * Whether the processor would take a value for one of them: PAT has its own rule, some have bits
 * that it alone knows, the others hold an address or plain bits.
 */
static bool swapped_value_allowed(uint32_t msr, uint64_t value)
{
	if (msr == MSR_PAT)
		return pat_is_valid(value);
	if (msr == MSR_SPEC_CTRL || msr == MSR_S_CET)
		return processor_allows(msr, value);
	if (msr == MSR_STAR || msr == MSR_SFMASK || msr == MSR_SYSENTER_CS)
		return true;
	return is_canonical(value, read_cr4() & CR4_LA57);
}

/*
 * To the guest's kernel SVM is disabled by the firmware, and in use, so that a hypervisor loaded
 * later refuses, and one loaded before does not switch on its VMs (KVM looks at EFER for that).
 */
enum verdict svm_read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	uint64_t native = 0, *field;

	switch (msr) {
	case MSR_EFER:
		*value = svm_vmcb(vcpu)->efer;
		return VERDICT_DONE;
	case MSR_VM_CR:
		rdmsr_safe(msr, &native);
		*value = native | VM_CR_LOCK_SVMDIS;
		return VERDICT_DONE;
	case MSR_VM_HSAVE_PA:
		*value = 0;
		return VERDICT_DONE;
	default:
		field = swapped(svm_vmcb(vcpu), msr);
		if (!field)
			return VERDICT_PASS;
		*value = *field;
		return VERDICT_DONE;
	}
}

/*
 * Nobody was before a start by the firmware. Its system reads EFER for the processors that it will
 * start, and loads it there also when Hadal has left.
 */
enum verdict svm_read_msr_first(struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
	enum verdict verdict = svm_read_msr(vcpu, msr, value);

	if (msr == MSR_EFER)
		*value &= ~EFER_SVME;
	return verdict;
}

static enum verdict write_efer(struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = svm_get(vcpu, REG_EFER);

	if ((value & ~(svm_efer_allowed() | EFER_SVME)) ||
	    (((old ^ value) & EFER_LME) && (vcpu_get(vcpu, REG_CR0) & CR0_PG))) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	svm_set(vcpu, REG_EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
	return VERDICT_DONE;
}

enum verdict svm_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
	uint64_t *field;

	switch (msr) {
	case MSR_EFER:
		return write_efer(vcpu, value);
	case MSR_VM_CR:
	case MSR_VM_HSAVE_PA:
		return VERDICT_DONE;
	default:
		field = swapped(svm_vmcb(vcpu), msr);
		if (!field)
			return VERDICT_PASS;
		if (!swapped_value_allowed(msr, value)) {
			vcpu_inject_gp(vcpu);
			return VERDICT_RETRY;
		}
		*field = value;
		svm_vmcb(vcpu)->clean = 0;
		return VERDICT_DONE;
	}
}
