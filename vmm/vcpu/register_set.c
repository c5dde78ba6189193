// SPDX-License-Identifier: MIT
/* Setting registers of the vCPU that runs here, and taking that back. */
#include "base/log.h"
#include "paging/memory.h"
#include "vcpu/debug.h"
#include "vcpu/register_check.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define DR6_FREE          0xe00full
#define DR7_FREE          0xffff23ffull
#define CPUID_7_EBX_RTM   (1u << 11)
#define CPUID_7_ECX_LOCKS (1u << 24) /* bus lock #DB */
#define CPUID_7_1_EAX_LAM (1u << 26)
#define DR6_BLD           (1ull << 11)
#define DR6_RTM           (1ull << 16)
#define DR7_RTM           (1ull << 11)
#define CR3_LAM           (3ull << 61)

static void read_rules(struct vcpu *vcpu, struct register_rules *rules)
{
	uint32_t leaves = cpuid(0, 0).eax;
	struct cpuid_result features = {0}, more = {0}, states = {0};
	uint64_t unused;

	if (leaves >= 7)
		features = cpuid(7, 0);
	if (features.eax >= 1)
		more = cpuid(7, 1);
	if (leaves >= 0xd)
		states = cpuid(0xd, 0);
	*rules = (struct register_rules){
		.cr3 = low_mask(machine.physical_bits) |
		       (more.eax & CPUID_7_1_EAX_LAM ? CR3_LAM : 0),
		.cr4 = vendor->cr4_allowed(vcpu),
		.efer = vendor->efer_allowed(),
		.xcr0 = states.eax | (uint64_t)states.edx << 32,
		.dr6 = DR6_FREE | (features.ebx & CPUID_7_EBX_RTM ? DR6_RTM : 0) |
		       (features.ecx & CPUID_7_ECX_LOCKS ? DR6_BLD : 0),
		.dr7 = DR7_FREE | (features.ebx & CPUID_7_EBX_RTM ? DR7_RTM : 0),
		.tsc_aux = !rdmsr_safe(MSR_TSC_AUX, &unused),
		.strict_segments = vendor->strict_segments,
	};
}

/* Those that live in a field or an MSR of the same value. */
static const uint8_t plain[HADAL_REG_COUNT] = {
	[HADAL_REG_RFLAGS] = REG_RFLAGS,
	[HADAL_REG_CR0] = REG_CR0,
	[HADAL_REG_CR2] = REG_CR2,
	[HADAL_REG_CR4] = REG_CR4,
	[HADAL_REG_DR6] = REG_DR6,
	[HADAL_REG_DR7] = REG_DR7,
	[HADAL_REG_GDTR_BASE] = REG_GDTR_BASE,
	[HADAL_REG_IDTR_BASE] = REG_IDTR_BASE,
	[HADAL_REG_GDTR_LIMIT] = REG_GDTR_LIMIT,
	[HADAL_REG_IDTR_LIMIT] = REG_IDTR_LIMIT,
	[HADAL_REG_EFER] = REG_EFER,
	[HADAL_REG_STAR] = REG_STAR,
	[HADAL_REG_LSTAR] = REG_LSTAR,
	[HADAL_REG_CSTAR] = REG_CSTAR,
	[HADAL_REG_SFMASK] = REG_SFMASK,
	[HADAL_REG_KERNEL_GS_BASE] = REG_KERNEL_GS_BASE,
	[HADAL_REG_SYSENTER_CS] = REG_SYSENTER_CS,
	[HADAL_REG_SYSENTER_ESP] = REG_SYSENTER_ESP,
	[HADAL_REG_SYSENTER_EIP] = REG_SYSENTER_EIP,
	[HADAL_REG_PAT] = REG_PAT,
};

/* Those that change what addresses mean; a write of CR3 makes the processor forget the old. */
#define PAGING_MASK \
	(BIT(HADAL_REG_CR0) | BIT(HADAL_REG_CR3) | BIT(HADAL_REG_CR4) | BIT(HADAL_REG_EFER))

static void load_one(struct vcpu *vcpu, enum hadal_reg reg, const struct hadal_regs *values)
{
	size_t bytes, place = register_place(reg, &bytes);
	const uint8_t *at = (const uint8_t *)values + place;
	uint64_t value = bytes == 4 ? *(const uint32_t *)at : *(const uint64_t *)at;

	if (reg >= HADAL_REG_ES && reg <= HADAL_REG_TR)
		vendor->set_segment(vcpu, reg - HADAL_REG_ES, (const struct hadal_segment *)at);
	else if (plain[reg])
		vcpu_set(vcpu, plain[reg], value);
	else if (reg <= HADAL_REG_R15)
		*vcpu_gpr(vcpu, reg) = value;
}

/* Those that exits leave in the processor, and what is remembered beside the processor. */
static void load_live(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask)
{
	if (mask & BIT(HADAL_REG_CR8))
		write_cr8(values->cr8);
	if (mask & BIT(HADAL_REG_DR0))
		write_dr0(values->dr0);
	if (mask & BIT(HADAL_REG_DR1))
		write_dr1(values->dr1);
	if (mask & BIT(HADAL_REG_DR2))
		write_dr2(values->dr2);
	if (mask & BIT(HADAL_REG_DR3))
		write_dr3(values->dr3);
	if (mask & BIT(HADAL_REG_TSC_AUX))
		wrmsr_safe(MSR_TSC_AUX, values->tsc_aux);
	if (mask & BIT(HADAL_REG_XCR0))
		xsetbv_safe(0, values->xcr0);
	if (mask & BIT(HADAL_REG_RIP))
		vcpu->rip = values->rip;
	if (mask & BIT(HADAL_REG_RFLAGS))
		vcpu->rflags = values->rflags;
}

static void load(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask)
{
	bool shared = vcpu->debug.taken;

	vcpu_debug_give(vcpu);
	vendor->wake(vcpu);
	for (unsigned reg = 0; reg < HADAL_REG_COUNT; reg++)
		if (mask >> reg & 1)
			load_one(vcpu, reg, values);
	if (mask & BIT(HADAL_REG_RSP))
		vcpu_set(vcpu, REG_RSP, values->rsp);
	load_live(vcpu, values, mask);
	if (mask & PAGING_MASK) {
		vcpu_set(vcpu, REG_CR3,
			 mask & BIT(HADAL_REG_CR3) ? values->cr3 : vcpu_get(vcpu, REG_CR3));
		vcpu_drop_caches(vcpu);
	}
	if (shared)
		vcpu_debug_take(vcpu);
}

uint64_t vcpu_exits(const struct vcpu *vcpu)
{
	uint64_t exits = 0;

	for (int i = 0; i < HADAL_EXIT_KIND_COUNT; i++)
		exits += vcpu->stats.exits[i];
	return exits;
}

/* Before the next entry it may be set again: the first state is the one that ran. */
void vcpu_load_registers(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask)
{
	uint64_t exits = vcpu_exits(vcpu);

	if (!vcpu->undo.armed || vcpu->undo.exits != exits)
		vcpu_registers(vcpu, &vcpu->undo.regs);
	vcpu->undo.armed = true;
	vcpu->undo.exits = exits;
	load(vcpu, values, mask);
}

/* All of them, for the control structure may hold anything then: QEMU puts the image's own state
 * there.
 */
bool vcpu_undo_registers(struct vcpu *vcpu)
{
	bool armed = vcpu->undo.armed;

	vcpu->undo.armed = false;
	if (!armed || vcpu->undo.exits != vcpu_exits(vcpu))
		return false;
	load(vcpu, &vcpu->undo.regs, REGISTER_MASK_ALL);
	return true;
}

/* XCR0 has rules that the processor alone knows in full: it is asked before anything else changes.
 */
static bool extended_state_allowed(const struct hadal_regs *now, const struct hadal_regs *next)
{
	if (xsetbv_safe(0, next->xcr0))
		return false;
	xsetbv_safe(0, now->xcr0);
	return true;
}

int vcpu_set_registers(struct vcpu *vcpu, const struct hadal_regs *values, uint64_t mask,
		       uint32_t *refused)
{
	struct hadal_regs now, next;
	struct register_rules rules;
	int bad;

	if (mask & ~REGISTER_MASK_ALL)
		return -EINVAL;
	if (vcpu->stepping)
		return -EBUSY;
	vcpu_registers(vcpu, &now);
	next = now;
	registers_merge(&next, values, mask);
	read_rules(vcpu, &rules);
	bad = registers_check(&rules, &now, &next, mask);
	if (bad < 0 && (mask & BIT(HADAL_REG_XCR0)) && !extended_state_allowed(&now, &next))
		bad = HADAL_REG_XCR0;
	if (bad >= 0) {
		*refused = bad;
		return -ERANGE;
	}
	if ((mask & BIT(HADAL_REG_RFLAGS)) && !(next.rflags & RFLAGS_IF) && vendor->needs_if(vcpu))
		return -EBUSY;
	vcpu_load_registers(vcpu, &next, mask);
	return 0;
}
