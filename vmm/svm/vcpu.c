// SPDX-License-Identifier: MIT
/* The guest's registers and intercepts as the VMCB holds them. */
#include "paging/memory.h"
#include "vcpu/register_check.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "svm/svm.h"

#define VM_CR_LOCK_SVMDIS 0x18ull

/* Segment attributes: a system segment of a type that is a TSS, busy or not. */
#define SYSTEM_TYPE_MASK 0x15u
#define SYSTEM_TYPE_TSS  0x01u
#define TSS_BUSY         0x02u

static uint64_t *vmcb_field(struct vmcb *vmcb, enum vcpu_reg reg)
{
	switch (reg) {
	case REG_RSP:
		return &vmcb->rsp;
	case REG_CR0:
		return &vmcb->cr0;
	case REG_CR2:
		return &vmcb->cr2;
	case REG_CR3:
		return &vmcb->cr3;
	case REG_CR4:
		return &vmcb->cr4;
	case REG_DR6:
		return &vmcb->dr6;
	case REG_DR7:
		return &vmcb->dr7;
	case REG_GDTR_BASE:
		return &vmcb->gdtr.base;
	case REG_IDTR_BASE:
		return &vmcb->idtr.base;
	case REG_PAT:
		return &vmcb->pat;
	case REG_SYSENTER_CS:
		return &vmcb->sysenter_cs;
	case REG_SYSENTER_ESP:
		return &vmcb->sysenter_esp;
	case REG_SYSENTER_EIP:
		return &vmcb->sysenter_eip;
	case REG_STAR:
		return &vmcb->star;
	case REG_LSTAR:
		return &vmcb->lstar;
	case REG_CSTAR:
		return &vmcb->cstar;
	case REG_SFMASK:
		return &vmcb->sfmask;
	case REG_KERNEL_GS_BASE:
		return &vmcb->kernel_gs_base;
	default:
		return NULL;
	}
}

uint64_t svm_get(struct vcpu *vcpu, enum vcpu_reg reg)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);
	uint64_t *field;

	switch (reg) {
	case REG_EFER:
		return vmcb->efer & ~EFER_SVME;
	case REG_CPL:
		return vmcb->cpl;
	case REG_GDTR_LIMIT:
		return vmcb->gdtr.limit;
	case REG_IDTR_LIMIT:
		return vmcb->idtr.limit;
	case REG_DEBUGCTL: /* not swapped without LBR virtualization */
		return rdmsr(MSR_DEBUGCTL);
	default:
		field = vmcb_field(vmcb, reg);
		return field ? *field : 0;
	}
}

bool svm_in_kernel(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);

	return !vmcb->cpl && (vmcb->cs.attributes & SEGMENT_LONG) && (vmcb->efer & EFER_LMA);
}

void svm_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);
	uint64_t *field;

	vmcb->clean = 0;
	switch (reg) {
	case REG_EFER:
		vmcb->efer = value | EFER_SVME;
		break;
	case REG_GDTR_LIMIT:
		vmcb->gdtr.limit = value;
		break;
	case REG_IDTR_LIMIT:
		vmcb->idtr.limit = value;
		break;
	case REG_DEBUGCTL:
		wrmsr(MSR_DEBUGCTL, value);
		break;
	case REG_RFLAGS:
		vmcb->rflags = value;
		break;
	case REG_CPL:
		break;
	case REG_CR3:
	case REG_CR4:
		svm_flush_nested(vcpu);
		*vmcb_field(vmcb, reg) = value;
		break;
	default:
		field = vmcb_field(vmcb, reg);
		if (field)
			*field = value;
	}
}

/* LDTR and TR are among the VMCB's tables, apart from the others. */
#define SEGMENT_OFFSET(NAME, member, ...) [SEG_##NAME] = offsetof(struct vmcb, member),

static struct svm_segment *segment_field(struct vcpu *vcpu, enum vcpu_segment segment)
{
	static const uint16_t offset[SEG_COUNT] = {HADAL_SEGMENT_REGISTERS(SEGMENT_OFFSET)};

	return (struct svm_segment *)((uint8_t *)svm_vmcb(vcpu) + offset[segment]);
}

/*
 * The processor does not tell a busy TSS from another in TR, and QEMU allows ring 3 ports by the
 * map of one that is not busy only. Everybody else sees it busy, as it is in the GDT.
 */
static uint16_t change_busy(enum vcpu_segment segment, uint16_t attributes, bool busy)
{
	if (segment != SEG_TR || (attributes & SYSTEM_TYPE_MASK) != SYSTEM_TYPE_TSS)
		return attributes;
	return busy ? attributes | TSS_BUSY : attributes & ~TSS_BUSY;
}

void svm_get_segment(struct vcpu *vcpu, enum vcpu_segment segment, struct hadal_segment *out)
{
	const struct svm_segment *from = segment_field(vcpu, segment);

	*out = (struct hadal_segment){
		.selector = from->selector,
		.attributes = change_busy(segment, from->attributes, true),
		.limit = from->limit,
		.base = from->base,
	};
}

void svm_set_segment(struct vcpu *vcpu, enum vcpu_segment segment,
		     const struct hadal_segment *value)
{
	*segment_field(vcpu, segment) = (struct svm_segment){
		value->selector, change_busy(segment, value->attributes, false), value->limit,
		value->base};
	if (segment == SEG_CS)
		svm_vmcb(vcpu)->cpl = value->selector & 3;
	svm_vmcb(vcpu)->clean = 0;
}

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

/* MSRs that VMLOAD and VMSAVE swap: the processor holds the image's values during an exit. */
static uint64_t *swapped(struct vmcb *vmcb, uint32_t msr)
{
	switch (msr) {
	case MSR_STAR:
		return &vmcb->star;
	case MSR_LSTAR:
		return &vmcb->lstar;
	case MSR_CSTAR:
		return &vmcb->cstar;
	case MSR_SFMASK:
		return &vmcb->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &vmcb->kernel_gs_base;
	case MSR_FS_BASE:
		return &vmcb->fs.base;
	case MSR_GS_BASE:
		return &vmcb->gs.base;
	case MSR_SYSENTER_CS:
		return &vmcb->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &vmcb->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &vmcb->sysenter_eip;
	case MSR_PAT:
		return &vmcb->pat;
	case MSR_SPEC_CTRL:
		return svm_features.spec_ctrl ? &vmcb->spec_ctrl : NULL;
	case MSR_S_CET:
		return svm_features.shadow_stack ? &vmcb->s_cet : NULL;
	case MSR_ISST:
		return svm_features.shadow_stack ? &vmcb->isst : NULL;
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

/* An injection does not look at the privilege that the gate asks for; nothing else goes wrong. */
static bool gate_forbids(struct vcpu *vcpu, uint8_t vector)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);
	uint64_t gate;

	if (vmcb->cpl != 3 || !(vmcb->efer & EFER_LMA))
		return false;
	return memory_read_guest_root(vmcb->idtr.base + vector * 16ull, vmcb->cr3, vmcb->cr4, &gate,
				      sizeof(gate)) == sizeof(gate) &&
	       (gate >> 45 & 3) < 3;
}

/* INT3, INTO or INT n has exited before it did anything: its frame names what is behind it. */
static void deliver_software_int(struct vcpu *vcpu)
{
	uint8_t vector = vcpu->exit.exception.vector;

	if (gate_forbids(vcpu, vector)) {
		vcpu_inject_exception(vcpu, VECTOR_GP, true, vector * 8u + 2);
		return;
	}
	vcpu->rip += vcpu->exit.length;
	vcpu->inject = (struct event){.info = EVENT_VALID | EVENT_SOFT_INT | vector};
}

void svm_reinject_exception(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;

	if (e->exception.software) {
		deliver_software_int(vcpu);
		return;
	}
	if (e->exception.vector == VECTOR_PF)
		svm_set(vcpu, REG_CR2, e->exception.address);
	vcpu_inject_exception(vcpu, e->exception.vector, e->exception.has_error,
			      e->exception.error);
}

void svm_pend_single_step(struct vcpu *vcpu)
{
	svm_set(vcpu, REG_DR6, svm_vmcb(vcpu)->dr6 | DR6_BS);
	vcpu_inject_exception(vcpu, VECTOR_DB, false, 0);
}

bool svm_interrupt_allowed(struct vcpu *vcpu)
{
	return (vcpu->rflags & RFLAGS_IF) && !(svm_vmcb(vcpu)->interrupt_shadow & 1);
}

/* There is no NMI window either. */
void svm_request_nmi_window(struct vcpu *vcpu)
{
	if (!(vcpu->arch_data[SVM_DATA_FLAGS] & SVM_FLAG_NMI_BLOCKED))
		svm_request_interrupt_window(vcpu);
	/* Else the IRET that ends the handler exits. */
}

/* A virtual interrupt that is never delivered exits when IF allows it. */
void svm_request_interrupt_window(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	vmcb->virtual_interrupt |= VIRTUAL_IRQ | VIRTUAL_IGNORE_TPR;
	svm_set_intercept(vcpu, SVM_INTERCEPT_VINTR, true);
}

bool svm_nmi_blocked(struct vcpu *vcpu)
{
	return vcpu->arch_data[SVM_DATA_FLAGS] & SVM_FLAG_NMI_BLOCKED;
}

bool svm_nmi_allowed(struct vcpu *vcpu)
{
	uint64_t flags = vcpu->arch_data[SVM_DATA_FLAGS];

	if ((flags & SVM_FLAG_IRET_PENDING) && vcpu->rip == vcpu->arch_data[SVM_DATA_IRET_RIP])
		return false;
	return !svm_nmi_blocked(vcpu) && !(svm_vmcb(vcpu)->interrupt_shadow & 1);
}

void svm_flush_nested(struct vcpu *vcpu)
{
	svm_vmcb(vcpu)->tlb_control =
		svm_features.flush_by_asid ? SVM_TLB_FLUSH_ASID : SVM_TLB_FLUSH_ALL;
}

void svm_use_root(struct vcpu *vcpu, uint64_t root)
{
	svm_vmcb(vcpu)->nested_cr3 = root;
	svm_vmcb(vcpu)->clean = 0;
	svm_flush_nested(vcpu);
}

/* GIF is clear: the NMI waits for VMRUN, which delivers the event first (APM 15.20). */
void svm_exit_after_event(struct vcpu *vcpu)
{
	if (!__atomic_exchange_n(&vcpu->kick_sent, true, __ATOMIC_SEQ_CST))
		apic_send_nmi(vcpu->apic_id);
}

uint64_t svm_fault_linear(struct vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}
