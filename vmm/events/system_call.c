// SPDX-License-Identifier: MIT
/* SYSCALL and SYSRET in the processor's place, for they take the flags of a step along. */
#include "base/bits.h"
#include "events/step.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define FLAT_LIMIT   0xffffffffu
#define CODE_64      0xa9bu /* present, accessed, ring 0; 64-bit */
#define CODE_32      0xc9bu
#define DATA         0xc93u
#define RING_3       0x60u
#define FLAGS_OF_R11 0x3c7fd7ull
#define STAR_CALL(s) ((uint16_t)((s) >> 32) & 0xfffc)
#define STAR_RET(s)  ((uint16_t)((s) >> 48))

static void set_segments(struct vcpu *vcpu, uint16_t code, uint16_t code_attributes, uint16_t stack,
			 uint16_t stack_attributes)
{
	const struct hadal_segment cs = {
		.selector = code, .limit = FLAT_LIMIT, .attributes = code_attributes};
	const struct hadal_segment ss = {
		.selector = stack, .limit = FLAT_LIMIT, .attributes = stack_attributes};

	vendor->set_segment(vcpu, SEG_CS, &cs);
	vendor->set_segment(vcpu, SEG_SS, &ss);
}

static void set_flags(struct vcpu *vcpu, uint64_t flags)
{
	vcpu->rflags = flags;
	vcpu_set(vcpu, REG_RFLAGS, flags);
}

/* APM vol. 3, SYSCALL; SDM vol. 2, SYSCALL. */
void system_call_enter(struct vcpu *vcpu)
{
	uint64_t star = vcpu_get(vcpu, REG_STAR);
	bool is_64bit = vcpu_long_mode(vcpu);

	if (!(vcpu_get(vcpu, REG_EFER) & EFER_SCE) ||
	    (!is_64bit && vendor->id == HADAL_VENDOR_INTEL)) {
		vcpu_inject_ud(vcpu);
		return;
	}
	vcpu->regs.rcx = vcpu->rip + vcpu->exit.length;
	vcpu->regs.r11 = vcpu->rflags & ~RFLAGS_RF;
	vcpu->rip = vcpu_get(vcpu, is_64bit ? REG_LSTAR : REG_CSTAR);
	set_flags(vcpu, (vcpu->rflags & ~(vcpu_get(vcpu, REG_SFMASK) | RFLAGS_RF)) | RFLAGS_FIXED);
	set_segments(vcpu, STAR_CALL(star), CODE_64, STAR_CALL(star) + 8, DATA);
	vendor->wake(vcpu);
}

/* With REX.W to 64-bit code; the same chapters. */
void system_call_leave(struct vcpu *vcpu, bool to_64bit)
{
	uint64_t star = vcpu_get(vcpu, REG_STAR);
	uint16_t code = STAR_RET(star) + (to_64bit ? 16 : 0), stack = STAR_RET(star) + 8;

	if (!(vcpu_get(vcpu, REG_EFER) & EFER_SCE)) {
		vcpu_inject_ud(vcpu);
		return;
	}
	if (vcpu_get(vcpu, REG_CPL) ||
	    (to_64bit && !is_canonical(vcpu->regs.rcx, vcpu_get(vcpu, REG_CR4) & CR4_LA57))) {
		vcpu_inject_gp(vcpu);
		return;
	}
	vcpu->rip = to_64bit ? vcpu->regs.rcx : (uint32_t)vcpu->regs.rcx;
	set_flags(vcpu, (vcpu->regs.r11 & FLAGS_OF_R11) | RFLAGS_FIXED);
	set_segments(vcpu, code | 3, (to_64bit ? CODE_64 : CODE_32) | RING_3, stack | 3,
		     DATA | RING_3);
	vendor->wake(vcpu);
}
