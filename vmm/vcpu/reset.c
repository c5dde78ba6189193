// SPDX-License-Identifier: MIT
/* What a CPU is like when a SIPI has started it (SDM vol. 3, 10.1.1; APM vol. 2, 14.1.3). */
#include "base/string.h"
#include "vcpu/debug.h"
#include "vcpu/reset.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define DR6_AFTER_RESET 0xffff0ff0ull
#define DR7_AFTER_RESET 0x400ull

static void reset_segments(struct vcpu *vcpu, uint8_t vector)
{
	struct hadal_segment data = {.limit = 0xffff, .attributes = 0x93};

	for (int i = 0; i < SEG_COUNT; i++)
		vendor->set_segment(vcpu, i, &data);
	data.attributes = 0x82;
	vendor->set_segment(vcpu, SEG_LDTR, &data);
	data.attributes = 0x8b;
	vendor->set_segment(vcpu, SEG_TR, &data);
	data.attributes = 0x9b;
	data.selector = vector << 8;
	data.base = (uint64_t)vector << 12;
	vendor->set_segment(vcpu, SEG_CS, &data);
}

static void reset_registers(struct vcpu *vcpu)
{
	static const struct {
		uint8_t reg;
		uint32_t value;
	} after[] = {
		{REG_EFER, 0},
		{REG_CR3, 0},
		{REG_CR4, 0},
		{REG_RSP, 0},
		{REG_DR7, DR7_AFTER_RESET},
		{REG_GDTR_BASE, 0},
		{REG_GDTR_LIMIT, 0xffff},
		{REG_IDTR_BASE, 0},
		{REG_IDTR_LIMIT, 0xffff},
		{REG_CR2, 0},
		{REG_DR6, DR6_AFTER_RESET},
		{REG_DEBUGCTL, 0},
		{REG_RFLAGS, RFLAGS_FIXED},
	};

	memset(&vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs.rdx = cpuid(1, 0).eax;
	vcpu->rip = 0;
	vcpu->rflags = RFLAGS_FIXED;
	/* INIT leaves CD and NW as they were. */
	vcpu_set(vcpu, REG_CR0, (vcpu_get(vcpu, REG_CR0) & (CR0_CD | CR0_NW)) | CR0_ET);
	for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++)
		vcpu_set(vcpu, after[i].reg, after[i].value);
	write_dr0(0);
	write_dr1(0);
	write_dr2(0);
	write_dr3(0);
}

void vcpu_start_from_sipi(struct vcpu *vcpu, uint8_t vector)
{
	vcpu_debug_give(vcpu);
	vcpu_step_end(vcpu);
	vendor->forget_events(vcpu);
	reset_registers(vcpu);
	reset_segments(vcpu, vector);
	vcpu->inject.info = 0;
	vcpu->held.info = 0;
	vcpu->nmi_pending = false;
	vcpu_drop_caches(vcpu);
	vcpu_follow(vcpu);
}
