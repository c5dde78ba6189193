// SPDX-License-Identifier: MIT
/* The guest's registers and translations. */
#include "x86/cpu.h"
#include "svm/svm.h"

/* Segment attributes: a system segment of a type that is a TSS, busy or not. */
#define SYSTEM_TYPE_MASK 0x15u
#define SYSTEM_TYPE_TSS  0x01u
#define TSS_BUSY         0x02u

#define CASE_REG(NAME, member) \
	case REG_##NAME:       \
		return &vmcb->member;

static uint64_t *vmcb_field(struct vmcb *vmcb, enum vcpu_reg reg)
{
	switch (reg) {
		SVM_SWAPPED(CASE_REG)
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
	case REG_CR2: /* Bochs 3.0 does not load it from the VMCB, but leaves the image's */
		vmcb->cr2 = value;
		write_cr2(value);
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

void svm_flush_nested(struct vcpu *vcpu)
{
	svm_vmcb(vcpu)->tlb_control =
		svm_caps.flush_by_asid ? SVM_TLB_FLUSH_ASID : SVM_TLB_FLUSH_ALL;
}

void svm_use_root(struct vcpu *vcpu, uint64_t root)
{
	svm_vmcb(vcpu)->nested_cr3 = root;
	svm_vmcb(vcpu)->clean = 0;
	svm_flush_nested(vcpu);
}

uint64_t svm_place(struct vcpu *vcpu, uint8_t *cpl)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);

	*cpl = vmcb->cpl;
	return vmcb->cr3;
}

uint64_t svm_fault_linear(struct vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}
