// SPDX-License-Identifier: MIT
/* What a processor's VT-x can do, and the controls that Hadal makes of it. */
#include <stddef.h>
#include "base/bits.h"
#include "x86/cpu.h"
#include "vmx/vmx.h"

/* The controls that Hadal cannot do without. */
#define PIN_NEEDED       (PIN_NMI | PIN_VIRTUAL_NMIS)
#define PRIMARY_NEEDED   (PRIMARY_MSR_BITMAPS | PRIMARY_SECONDARY)
#define SECONDARY_NEEDED (SECONDARY_EPT | SECONDARY_UNRESTRICTED)
#define EXIT_NEEDED                                                                        \
	(EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | \
	 EXIT_LOAD_EFER)
#define ENTRY_NEEDED (ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER)

/*
 * Wanted where they exist: a processor that has the instruction has the control too, and without it
 * the guest would get #UD on an instruction that CPUID tells it of.
 */
#define SECONDARY_WANTED                                                            \
	(SECONDARY_RDTSCP | SECONDARY_VPID | SECONDARY_INVPCID | SECONDARY_XSAVES | \
	 SECONDARY_WAITPKG | SECONDARY_PCONFIG | SECONDARY_CONCEAL_PT | SECONDARY_PT_NESTED)

/* Each pair or triple is of use as a whole only; an entry refuses part of the second. */
#define EXIT_WANTED  (EXIT_CONCEAL_PT | EXIT_CLEAR_PT | EXIT_CLEAR_LBR)
#define ENTRY_WANTED (ENTRY_CONCEAL_PT | ENTRY_LOAD_PT | ENTRY_LOAD_LBR)

static uint32_t adjust(uint32_t wanted, uint64_t cap)
{
	return (wanted | (uint32_t)cap) & (uint32_t)(cap >> 32);
}

/*
 * Processor Trace writes to physical memory by itself. Its addresses go through EPT where the
 * processor can do that, which wants it off in the image too (SDM 27.2.1.1); else it is refused.
 */
static void choose_tracing(const struct vmx_caps *caps, struct vmx_controls *controls)
{
	if (!(controls->secondary & SECONDARY_PT_NESTED) || !(controls->exit & EXIT_CLEAR_PT) ||
	    !(controls->entry & ENTRY_LOAD_PT)) {
		controls->secondary &= ~SECONDARY_PT_NESTED;
		controls->exit &= ~EXIT_CLEAR_PT;
		controls->entry &= ~ENTRY_LOAD_PT;
		controls->pt_refused = caps->misc & MISC_PT;
	}
	if (!(controls->exit & EXIT_CLEAR_LBR) || !(controls->entry & ENTRY_LOAD_LBR)) {
		controls->exit &= ~EXIT_CLEAR_LBR;
		controls->entry &= ~ENTRY_LOAD_LBR;
	}
}

const char *vmx_controls_choose(const struct vmx_caps *caps, struct vmx_controls *controls)
{
	/* With unrestricted guests CR0.PE and PG are free (SDM 24.8). */
	uint64_t cr0_on = caps->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	*controls = (struct vmx_controls){
		.pin = adjust(PIN_NEEDED, caps->pin),
		.primary = adjust(PRIMARY_NEEDED, caps->primary),
		.secondary = adjust(SECONDARY_NEEDED | SECONDARY_WANTED, caps->secondary),
		.exit = adjust(EXIT_NEEDED | EXIT_WANTED, caps->exit),
		.entry = adjust(ENTRY_NEEDED | ENTRY_WANTED, caps->entry),
		.cr0_on = cr0_on,
		.cr0_mask = cr0_on | (uint32_t)~caps->cr0_fixed1,
		.cr4_on = caps->cr4_fixed0,
		.cr4_mask = caps->cr4_fixed0 | ~caps->cr4_fixed1 | CR4_FRED,
	};
	if (PRIMARY_NEEDED & ~controls->primary)
		return "MSR bitmaps or secondary controls";
	if (PIN_NEEDED & ~controls->pin)
		return "virtual NMIs";
	if (SECONDARY_EPT & ~controls->secondary)
		return "extended page tables (EPT)";
	if (SECONDARY_UNRESTRICTED & ~controls->secondary)
		return "unrestricted guests";
	if ((EXIT_NEEDED & ~controls->exit) || (ENTRY_NEEDED & ~controls->entry))
		return "load and save of EFER, PAT and debug controls";
	if ((EPT_WALK_4 | EPT_WB | EPT_2M | EPT_INVEPT) & ~caps->ept_vpid)
		return "write-back EPT with 4 levels, 2 MiB pages and INVEPT";
	if (!(caps->ept_vpid & VPID_INVVPID))
		controls->secondary &= ~SECONDARY_VPID;
	choose_tracing(caps, controls);
	return NULL;
}

/* Exit kinds that have a control of their own. */
static const struct kind_controls {
	uint32_t primary, secondary;
} kind_controls[HADAL_EXIT_KIND_COUNT] = {
	[HADAL_EXIT_CR_READ] = {PRIMARY_CR3_STORE | PRIMARY_CR8_STORE, 0},
	[HADAL_EXIT_CR_WRITE] = {PRIMARY_CR3_LOAD | PRIMARY_CR8_LOAD, 0},
	[HADAL_EXIT_DR_ACCESS] = {PRIMARY_MOV_DR, 0},
	[HADAL_EXIT_WBINVD] = {0, SECONDARY_WBINVD},
	[HADAL_EXIT_INTERRUPT_WINDOW] = {PRIMARY_INTERRUPT_WINDOW, 0},
	[HADAL_EXIT_IO] = {PRIMARY_IO_BITMAPS, 0},
	[HADAL_EXIT_HLT] = {PRIMARY_HLT, 0},
	[HADAL_EXIT_RDTSC] = {PRIMARY_RDTSC, 0},
	[HADAL_EXIT_RDTSCP] = {PRIMARY_RDTSC, 0},
	[HADAL_EXIT_RDPMC] = {PRIMARY_RDPMC, 0},
	[HADAL_EXIT_PAUSE] = {PRIMARY_PAUSE, 0},
	[HADAL_EXIT_MONITOR] = {PRIMARY_MONITOR, 0},
	[HADAL_EXIT_MWAIT] = {PRIMARY_MWAIT, 0},
	[HADAL_EXIT_INVLPG] = {PRIMARY_INVLPG, 0},
	[HADAL_EXIT_DESCRIPTOR] = {0, SECONDARY_DESCRIPTOR},
	[HADAL_EXIT_SINGLE_STEP] = {PRIMARY_STEP, 0},
};

void vmx_controls_intercept(struct vmx_controls *controls, uint64_t kinds)
{
	for (unsigned kind = 0; kind < HADAL_EXIT_KIND_COUNT; kind++) {
		if (kinds & BIT(kind)) {
			controls->primary |= kind_controls[kind].primary;
			controls->secondary |= kind_controls[kind].secondary;
		}
	}
	if (kinds & (BIT(HADAL_EXIT_RDMSR) | BIT(HADAL_EXIT_WRMSR)))
		controls->primary &= ~PRIMARY_MSR_BITMAPS;
	if (kinds & BIT(HADAL_EXIT_CR_WRITE))
		controls->cr0_mask = controls->cr4_mask = ~0ull;
}

void vmx_controls_intercept_cr(struct vmx_controls *controls, uint32_t registers)
{
	if (registers & 1u << 0)
		controls->cr0_mask = ~0ull;
	if (registers & 1u << 3)
		controls->primary |= PRIMARY_CR3_LOAD;
	if (registers & 1u << 4)
		controls->cr4_mask = ~0ull;
	if (registers & 1u << 8)
		controls->primary |= PRIMARY_CR8_LOAD;
}

bool vmx_can_intercept(const struct vmx_caps *caps, enum hadal_exit_kind kind)
{
	switch (kind) {
	case HADAL_EXIT_INTERRUPT: /* they would have to be queued for the guest */
	case HADAL_EXIT_IRET:
	case HADAL_EXIT_SMI:
	case HADAL_EXIT_TIMER:
	case HADAL_EXIT_KIND_COUNT:
		return false;
	default:
		return !(kind_controls[kind].primary & ~(uint32_t)(caps->primary >> 32)) &&
		       !(kind_controls[kind].secondary & ~(uint32_t)(caps->secondary >> 32));
	}
}

unsigned vmx_ept_levels(uint64_t ept_vpid, unsigned physical_bits)
{
	return physical_bits > 48 && (ept_vpid & EPT_WALK_5) ? 5 : 4;
}

uint64_t vmx_feature_control(uint64_t unlocked, bool lmce, bool sgx, bool sgx_launch)
{
	uint64_t value = unlocked | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX;

	if (lmce)
		value |= FEATURE_CONTROL_LMCE;
	if (sgx)
		value |= FEATURE_CONTROL_SGX | (sgx_launch ? FEATURE_CONTROL_SGX_LAUNCH : 0);
	return value;
}

uint64_t vmx_cr4_allowed(struct vcpu *vcpu)
{
	return vmx_cpu(vcpu)->caps.cr4_fixed1 & ~CR4_FRED;
}

uint64_t vmx_efer_allowed(void)
{
	return EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
}
