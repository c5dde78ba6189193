// SPDX-License-Identifier: MIT
/* The guest's registers and translations. */
#include "x86/cpu.h"
#include "svm/svm.h"

/* Segment attributes: a system segment of a type that is a TSS, busy or not. */
#define SYSTEM_TYPE_MASK 0x15u
#define SYSTEM_TYPE_TSS  0x01u
#define TSS_BUSY         0x02u

#define OFFSET_REG(NAME, member) [REG_##NAME] = offsetof(struct vmcb, member),

/* Of the registers that the VMCB has; 0 for others. */
static const uint16_t vmcb_offset[REG_CPL + 1] = {
	SVM_SWAPPED(OFFSET_REG)[REG_RSP] = offsetof(struct vmcb, rsp),
	[REG_CR0] = offsetof(struct vmcb, cr0),
	[REG_CR2] = offsetof(struct vmcb, cr2),
	[REG_CR3] = offsetof(struct vmcb, cr3),
	[REG_CR4] = offsetof(struct vmcb, cr4),
	[REG_DR6] = offsetof(struct vmcb, dr6),
	[REG_DR7] = offsetof(struct vmcb, dr7),
	[REG_GDTR_BASE] = offsetof(struct vmcb, gdtr.base),
	[REG_IDTR_BASE] = offsetof(struct vmcb, idtr.base),
};

static uint64_t *vmcb_field(struct vmcb *vmcb, enum vcpu_reg reg)
{
	return (uint64_t *)((uint8_t *)vmcb + vmcb_offset[reg]);
}

static __attribute__((noinline)) uint64_t get_other(const struct vmcb *vmcb, enum vcpu_reg reg)
{
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
		return 0;
	}
}

uint64_t svm_get(struct vcpu *vcpu, enum vcpu_reg reg)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	return vmcb_offset[reg] ? *vmcb_field(vmcb, reg) : get_other(vmcb, reg);
}

bool svm_long_mode(struct vcpu *vcpu)
{
	return svm_in_64bit_code(svm_vmcb(vcpu));
}

bool svm_in_kernel(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);

	return !vmcb->cpl && (vmcb->cs.attributes & SEGMENT_LONG) && (vmcb->efer & EFER_LMA);
}

void svm_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	vmcb->clean = 0;
	if (vmcb_offset[reg]) {
		*vmcb_field(vmcb, reg) = value;
		/* Bochs 3.0 does not load CR2 from the VMCB, but leaves the image's. */
		if (reg == REG_CR2)
			write_cr2(value);
		if (reg == REG_CR3 || reg == REG_CR4)
			svm_flush_nested(vcpu);
		return;
	}
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
	default:
		break;
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
	svm_vmcb(vcpu)->tlb_control = svm_caps.flush;
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
