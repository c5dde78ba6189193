// SPDX-License-Identifier: MIT
/* Writes to control and debug registers that exit, with the processor's own rules (SDM 2.5,
 * APM 3.1). */
#include "exit/base.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define CR0_DEFINED 0xe005003full

static enum verdict fail(struct vcpu *vcpu)
{
	vcpu_inject_gp(vcpu);
	return VERDICT_RETRY;
}

static uint64_t gpr_read(struct vcpu *vcpu, unsigned encoding)
{
	return encoding == HADAL_REG_RSP ? vcpu_get(vcpu, REG_RSP) : *vcpu_gpr(vcpu, encoding);
}

static void gpr_write(struct vcpu *vcpu, unsigned encoding, uint64_t value)
{
	if (encoding == HADAL_REG_RSP)
		vcpu_set(vcpu, REG_RSP, value);
	else
		*vcpu_gpr(vcpu, encoding) = value;
}

static bool cr0_allowed(struct vcpu *vcpu, uint64_t value)
{
	uint64_t cr4 = vcpu_get(vcpu, REG_CR4);

	if (value >> 32)
		return false;
	if ((value & CR0_PG) && !(value & CR0_PE))
		return false;
	if ((value & CR0_NW) && !(value & CR0_CD))
		return false;
	if (!(value & CR0_PG) && ((cr4 & CR4_PCIDE) || vcpu_long_mode(vcpu)))
		return false;
	if (!(value & CR0_WP) && (cr4 & CR4_CET))
		return false;
	if ((value & CR0_PG) && (vcpu_get(vcpu, REG_EFER) & EFER_LME) && !(cr4 & CR4_PAE))
		return false;
	return true;
}

/* Entering and leaving long mode is a matter of CR0.PG (SDM 10.8.5). */
static void cr0_set(struct vcpu *vcpu, uint64_t value)
{
	uint64_t efer = vcpu_get(vcpu, REG_EFER);

	if ((value & CR0_PG) && (efer & EFER_LME))
		vcpu_set(vcpu, REG_EFER, efer | EFER_LMA);
	else if (!(value & CR0_PG))
		vcpu_set(vcpu, REG_EFER, efer & ~EFER_LMA);
	vcpu_set(vcpu, REG_CR0, (value & CR0_DEFINED) | CR0_ET);
	vcpu_drop_caches(vcpu);
}

static bool cr4_allowed(struct vcpu *vcpu, uint64_t value)
{
	uint64_t old = vcpu_get(vcpu, REG_CR4);
	uint64_t changed = old ^ value;
	bool long_mode = vcpu_get(vcpu, REG_EFER) & EFER_LMA;

	if (value & ~vendor->cr4_allowed(vcpu))
		return false;
	if (long_mode && (!(value & CR4_PAE) || (changed & CR4_LA57)))
		return false;
	if ((changed & value & CR4_PCIDE) &&
	    (!long_mode || (vcpu_get(vcpu, REG_CR3) & CR3_PCID_MASK)))
		return false;
	return !(value & CR4_CET) || (vcpu_get(vcpu, REG_CR0) & CR0_WP);
}

static inline enum verdict cr3_write(struct vcpu *vcpu, uint64_t value)
{
	if (value >> 63 && (vcpu_get(vcpu, REG_CR4) & CR4_PCIDE))
		value &= ~BIT(63);
	if ((value & ~(3ull << 61)) >> machine.physical_bits) /* those are of linear masking */
		return fail(vcpu);
	vcpu_set(vcpu, REG_CR3, value);
	return VERDICT_DONE;
}

enum verdict base_cr_write(struct vcpu *vcpu)
{
	uint64_t value = vcpu->exit.cr.value;

	if (vcpu->exit.cr.cr == 3) /* the commonest */
		return cr3_write(vcpu, value);
	switch (vcpu->exit.cr.cr) {
	case 0:
		if (!cr0_allowed(vcpu, value))
			return fail(vcpu);
		cr0_set(vcpu, value);
		break;
	case 4:
		if (!cr4_allowed(vcpu, value))
			return fail(vcpu);
		vcpu_set(vcpu, REG_CR4, value);
		vcpu_drop_caches(vcpu);
		break;
	case 8:
		if (value & ~0xfull)
			return fail(vcpu);
		write_cr8(value);
		break;
	default:
		vcpu_inject_ud(vcpu);
		return VERDICT_RETRY;
	}
	return VERDICT_DONE;
}

enum verdict base_cr_read(struct vcpu *vcpu)
{
	static const enum vcpu_reg reg[] = {
		[0] = REG_CR0, [2] = REG_CR2, [3] = REG_CR3, [4] = REG_CR4};
	unsigned cr = vcpu->exit.cr.cr;

	if (cr == 8) {
		gpr_write(vcpu, vcpu->exit.cr.gpr, read_cr8());
		return VERDICT_DONE;
	}
	if (cr > 4 || cr == 1) {
		vcpu_inject_ud(vcpu);
		return VERDICT_RETRY;
	}
	gpr_write(vcpu, vcpu->exit.cr.gpr, vcpu_get(vcpu, reg[cr]));
	return VERDICT_DONE;
}

static uint64_t dr_read(struct vcpu *vcpu, unsigned dr)
{
	switch (dr) {
	case 0:
		return read_dr0();
	case 1:
		return read_dr1();
	case 2:
		return read_dr2();
	case 3:
		return read_dr3();
	case 6:
		return vcpu_get(vcpu, REG_DR6);
	default:
		return vcpu_get(vcpu, REG_DR7);
	}
}

static void dr_write(struct vcpu *vcpu, unsigned dr, uint64_t value)
{
	switch (dr) {
	case 0:
		write_dr0(value);
		break;
	case 1:
		write_dr1(value);
		break;
	case 2:
		write_dr2(value);
		break;
	case 3:
		write_dr3(value);
		break;
	case 6:
		vcpu_set(vcpu, REG_DR6, value);
		break;
	default:
		vcpu_set(vcpu, REG_DR7, value);
	}
}

/* DR4 and DR5 are other names of DR6 and DR7 while CR4.DE is clear (SDM 18.2.2). */
enum verdict base_dr_access(struct vcpu *vcpu)
{
	unsigned dr = vcpu->exit.dr.dr & 7, gpr = vcpu->exit.dr.gpr;

	if (dr == 4 || dr == 5) {
		if (vcpu_get(vcpu, REG_CR4) & CR4_DE) {
			vcpu_inject_ud(vcpu);
			return VERDICT_RETRY;
		}
		dr += 2;
	}
	if (!vcpu->exit.dr.write) {
		gpr_write(vcpu, gpr, dr_read(vcpu, dr));
		return VERDICT_DONE;
	}
	if (dr >= 6 && gpr_read(vcpu, gpr) >> 32)
		return fail(vcpu);
	dr_write(vcpu, dr, gpr_read(vcpu, gpr));
	return VERDICT_DONE;
}

/* The image runs with the guest's extended state live, so the processor itself checks the value. */
enum verdict base_xsetbv(struct vcpu *vcpu)
{
	uint64_t value = (uint32_t)vcpu->regs.rax | vcpu->regs.rdx << 32;

	if (!(vcpu_get(vcpu, REG_CR4) & CR4_OSXSAVE)) {
		vcpu_inject_ud(vcpu);
		return VERDICT_RETRY;
	}
	if (vcpu_get(vcpu, REG_CPL) || xsetbv_safe(vcpu->regs.rcx, value))
		return fail(vcpu);
	return VERDICT_DONE;
}

static uint32_t port_in(uint16_t port, unsigned size)
{
	if (size == 1)
		return inb(port);
	return size == 2 ? inw(port) : inl(port);
}

static void port_out(uint16_t port, unsigned size, uint32_t value)
{
	if (size == 1)
		outb(port, value);
	else if (size == 2)
		outw(port, value);
	else
		outl(port, value);
}

/* The processor has checked IOPL and the TSS's bitmap before the exit (SDM 26.1.1, APM 15.10.2). */
enum verdict base_io(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	uint64_t *rax = &vcpu->regs.rax, mask = low_mask(8 * e->io.size);

	if (e->io.string)
		return fail(vcpu);
	if (!e->io.in)
		port_out(e->io.port, e->io.size, *rax);
	else if (e->io.size == 4)
		*rax = port_in(e->io.port, 4);
	else
		*rax = (*rax & ~mask) | (port_in(e->io.port, e->io.size) & mask);
	return VERDICT_DONE;
}
