// SPDX-License-Identifier: MIT
/* The guest's registers and translations. */
#include "paging/memory.h"
#include "x86/cpu.h"
#include "vmx/vmx.h"

#define CR0_CACHE (CR0_CD | CR0_NW)

/* A descriptor of INVEPT or INVVPID (SDM vol. 3, chapter 31). */
struct invalidation {
	uint64_t tag, address;
};
enum { INVALIDATE_SINGLE = 1, INVALIDATE_ALL = 2 };

/* Registers that are plain fields of the VMCS. */
static const uint16_t field_of[] = {
	[REG_RSP] = VMCS_RSP,
	[REG_CR3] = VMCS_CR3,
	[REG_EFER] = VMCS_GUEST_EFER,
	[REG_DR7] = VMCS_DR7,
	[REG_GDTR_BASE] = VMCS_GDTR_BASE,
	[REG_GDTR_LIMIT] = VMCS_GDTR_LIMIT,
	[REG_IDTR_BASE] = VMCS_IDTR_BASE,
	[REG_IDTR_LIMIT] = VMCS_IDTR_LIMIT,
	[REG_PAT] = VMCS_GUEST_PAT,
	[REG_SYSENTER_CS] = VMCS_SYSENTER_CS,
	[REG_SYSENTER_ESP] = VMCS_SYSENTER_ESP,
	[REG_SYSENTER_EIP] = VMCS_SYSENTER_EIP,
	[REG_DEBUGCTL] = VMCS_GUEST_DEBUGCTL,
};

/* Registers that exits leave in the processor, as MSRs. */
static uint32_t msr_of(enum vcpu_reg reg)
{
	switch (reg) {
	case REG_STAR:
		return MSR_STAR;
	case REG_LSTAR:
		return MSR_LSTAR;
	case REG_CSTAR:
		return MSR_CSTAR;
	case REG_SFMASK:
		return MSR_SFMASK;
	default:
		return MSR_KERNEL_GS_BASE;
	}
}

static uint64_t get_masked(uint32_t real, uint32_t mask_field, uint32_t shadow)
{
	uint64_t mask = vmread(mask_field);

	return (vmread(real) & ~mask) | (vmread(shadow) & mask);
}

uint64_t vmx_get(struct vcpu *vcpu, enum vcpu_reg reg)
{
	(void)vcpu;
	switch (reg) {
	case REG_CR0:
		return get_masked(VMCS_CR0, VMCS_CR0_MASK, VMCS_CR0_SHADOW);
	case REG_CR4:
		return get_masked(VMCS_CR4, VMCS_CR4_MASK, VMCS_CR4_SHADOW);
	case REG_CR2:
		return read_cr2();
	case REG_DR6:
		return read_dr6();
	case REG_CPL: /* SS.DPL is the CPL in every mode (SDM 25.4.1) */
		return vmread(VMCS_RIGHTS(SEG_SS)) >> 5 & 3;
	case REG_STAR:
	case REG_LSTAR:
	case REG_CSTAR:
	case REG_SFMASK:
	case REG_KERNEL_GS_BASE:
		return rdmsr(msr_of(reg));
	default:
		return vmread(field_of[reg]);
	}
}

bool vmx_long_mode(struct vcpu *vcpu)
{
	(void)vcpu;
	return (vmread(VMCS_RIGHTS(SEG_CS)) & RIGHTS_LONG) && (vmread(VMCS_GUEST_EFER) & EFER_LMA);
}

/* In 64-bit mode the CPL is that of CS's selector. */
bool vmx_in_kernel(struct vcpu *vcpu)
{
	return !(vmread(VMCS_SELECTOR(SEG_CS)) & 3) && vmx_long_mode(vcpu);
}

/* CD and NW are neither loaded by entries nor changed by exits (SDM 27.3.2.1): the live ones count.
 */
static void set_cr0(struct vcpu *vcpu, uint64_t value)
{
	uint64_t live = read_cr0();

	if ((live ^ value) & CR0_CACHE)
		write_cr0((live & ~CR0_CACHE) | (value & CR0_CACHE));
	vmwrite(VMCS_CR0, value | vmx_cpu(vcpu)->controls.cr0_on);
	vmwrite(VMCS_CR0_SHADOW, value);
	vmx_flush_virtual(vcpu);
}

/*
 * CR4.VMXE reads as the guest wrote it, as on a processor that its firmware locked VT-x off on, and
 * has no effect.
 */
static void set_cr4(struct vcpu *vcpu, uint64_t value)
{
	vmwrite(VMCS_CR4, value | vmx_cpu(vcpu)->controls.cr4_on);
	vmwrite(VMCS_CR4_SHADOW, value);
	vmx_flush_virtual(vcpu);
}

/* The control follows the guest's own changes of LMA by itself (SDM 28.2). */
static void set_efer(uint64_t value)
{
	uint64_t entry = vmread(VMCS_ENTRY) & ~(uint64_t)ENTRY_GUEST_64;

	vmwrite(VMCS_ENTRY, value & EFER_LMA ? entry | ENTRY_GUEST_64 : entry);
	vmwrite(VMCS_GUEST_EFER, value);
}

void vmx_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value)
{
	switch (reg) {
	case REG_CR0:
		set_cr0(vcpu, value);
		break;
	case REG_CR3:
		vmwrite(VMCS_CR3, value);
		vmx_flush_virtual(vcpu);
		break;
	case REG_CR4:
		set_cr4(vcpu, value);
		break;
	case REG_EFER:
		set_efer(value);
		break;
	case REG_CR2:
		write_cr2(value);
		break;
	case REG_DR6:
		write_dr6(value);
		break;
	case REG_RFLAGS: /* with the next entry */
	case REG_CPL:
		break;
	case REG_STAR:
	case REG_LSTAR:
	case REG_CSTAR:
	case REG_SFMASK:
	case REG_KERNEL_GS_BASE:
		wrmsr_safe(msr_of(reg), value);
		break;
	default:
		vmwrite(field_of[reg], value);
	}
}

void vmx_get_segment(struct vcpu *vcpu, enum vcpu_segment segment, struct hadal_segment *out)
{
	(void)vcpu;
	*out = (struct hadal_segment){
		.base = vmread(VMCS_BASE(segment)),
		.limit = vmread(VMCS_LIMIT(segment)),
		.selector = vmread(VMCS_SELECTOR(segment)),
		.attributes = vmx_attributes(vmread(VMCS_RIGHTS(segment))),
	};
}

void vmx_set_segment(struct vcpu *vcpu, enum vcpu_segment segment,
		     const struct hadal_segment *value)
{
	(void)vcpu;
	vmwrite(VMCS_SELECTOR(segment), value->selector);
	vmwrite(VMCS_BASE(segment), value->base);
	vmwrite(VMCS_LIMIT(segment), value->limit);
	vmwrite(VMCS_RIGHTS(segment), vmx_rights(value->attributes));
}

static void invept(uint64_t type, const struct invalidation *what)
{
	__asm__ volatile("invept %1, %0" ::"r"(type), "m"(*what) : "cc", "memory");
}

static void invvpid(uint64_t type, const struct invalidation *what)
{
	__asm__ volatile("invvpid %1, %0" ::"r"(type), "m"(*what) : "cc", "memory");
}

void vmx_flush_virtual(struct vcpu *vcpu)
{
	const struct vmx_cpu *cpu = vmx_cpu(vcpu);
	const struct invalidation what = {vcpu->index + 1, 0};

	if (cpu->controls.secondary & SECONDARY_VPID)
		invvpid(cpu->caps.ept_vpid & VPID_INVVPID_SINGLE ? INVALIDATE_SINGLE
								 : INVALIDATE_ALL,
			&what);
}

void vmx_flush_nested(struct vcpu *vcpu)
{
	const struct invalidation what = {vmread(VMCS_EPTP), 0};

	invept(vmx_cpu(vcpu)->caps.ept_vpid & EPT_INVEPT_SINGLE ? INVALIDATE_SINGLE
								: INVALIDATE_ALL,
	       &what);
}

void vmx_use_root(struct vcpu *vcpu, uint64_t root)
{
	vmwrite(VMCS_EPTP, (nested_eptp(&machine.nested) & ~PT_ADDRESS) | root);
	vmx_flush_nested(vcpu);
}

/* Bit 7 of the qualification: there is one. */
uint64_t vmx_place(struct vcpu *vcpu, uint8_t *cpl)
{
	*cpl = vmx_get(vcpu, REG_CPL);
	return vmread(VMCS_CR3);
}

uint64_t vmx_fault_linear(struct vcpu *vcpu)
{
	(void)vcpu;
	return vmread(VMCS_QUALIFICATION) & 0x80 ? vmread(VMCS_GUEST_LINEAR) : 0;
}
