/* SPDX-License-Identifier: MIT */
/* What a processor's VT-x can do (SDM vol. 3, Appendix A), and the controls Hadal makes of it. */
#ifndef HADAL_VMX_CAPS_H
#define HADAL_VMX_CAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <hadal/abi.h>

#define MSR_VMX_BASIC       0x480
#define MSR_VMX_PIN         0x481
#define MSR_VMX_PRIMARY     0x482
#define MSR_VMX_EXIT        0x483
#define MSR_VMX_ENTRY       0x484
#define MSR_VMX_MISC        0x485
#define MSR_VMX_CR0_FIXED0  0x486
#define MSR_VMX_CR0_FIXED1  0x487
#define MSR_VMX_CR4_FIXED0  0x488
#define MSR_VMX_CR4_FIXED1  0x489
#define MSR_VMX_SECONDARY   0x48b
#define MSR_VMX_EPT_VPID    0x48c
#define MSR_VMX_TRUE_OFFSET 0xc /* from PIN, PRIMARY, EXIT, ENTRY to their TRUE_ sisters */

#define BASIC_REVISION 0x7fffffffull
#define BASIC_TRUE     (1ull << 55)

#define MISC_PT (1ull << 14) /* Processor Trace works in VMX operation */

#define EPT_FETCH_ONLY      (1ull << 0)
#define EPT_WALK_4          (1ull << 6)
#define EPT_WALK_5          (1ull << 7)
#define EPT_WB              (1ull << 14)
#define EPT_2M              (1ull << 16)
#define EPT_1G              (1ull << 17)
#define EPT_INVEPT          (1ull << 20)
#define EPT_INVEPT_SINGLE   (1ull << 25)
#define VPID_INVVPID        (1ull << 32)
#define VPID_INVVPID_SINGLE (1ull << 41)

/* Raw MSR values; pin, primary, exit and entry are the TRUE_ ones where those exist. */
struct vmx_caps {
	uint64_t basic;
	uint64_t pin, primary, secondary, exit,
		entry; /* low half: must be 1; high half: may be 1 */
	uint64_t ept_vpid;
	uint64_t misc;
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

struct vmx_controls {
	uint32_t pin, primary, secondary, exit, entry;
	uint64_t cr0_on, cr4_on; /* bits that are set while the guest runs, whatever it asks for */
	uint64_t cr0_mask, cr4_mask; /* bits whose writes exit */
	bool pt_refused; /* Processor Trace could write where the guest may not: it is kept off */
};

/*
 * IA32_FEATURE_CONTROL for a processor whose firmware left it unlocked: VT-x on, and nothing locked
 * off that the system may want, which is locked in too.
 */
#define FEATURE_CONTROL_LOCKED         (1ull << 0)
#define FEATURE_CONTROL_VMX_INSIDE_SMX (1ull << 1)
#define FEATURE_CONTROL_VMX            (1ull << 2)
#define FEATURE_CONTROL_SGX_LAUNCH     (1ull << 17)
#define FEATURE_CONTROL_SGX            (1ull << 18)
#define FEATURE_CONTROL_LMCE           (1ull << 20)
uint64_t vmx_feature_control(uint64_t unlocked, bool lmce, bool sgx, bool sgx_launch);

/* A name for what the processor lacks, or NULL with the controls filled in. */
const char *vmx_controls_choose(const struct vmx_caps *caps, struct vmx_controls *controls);

/*
 * Add the controls that make the kinds in a mask (bit n: enum hadal_exit_kind n) exit: the CR masks
 * as a whole for writes of control registers, no MSR bitmaps for MSR accesses.
 */
void vmx_controls_intercept(struct vmx_controls *controls, uint64_t kinds);

/* The same for writes of single control registers, bit n: CRn. */
void vmx_controls_intercept_cr(struct vmx_controls *controls, uint32_t registers);

/* As many levels as all physical addresses take, if the processor has them: 4 or 5. */
unsigned vmx_ept_levels(uint64_t ept_vpid, unsigned physical_bits);

/* Whether the processor can make a kind exit. */
bool vmx_can_intercept(const struct vmx_caps *caps, enum hadal_exit_kind kind);

/* The VMCS's access rights (SDM 25.4.1) and the attributes of struct hadal_segment. */
#define RIGHTS_UNUSABLE 0x10000u
#define RIGHTS_LONG     0x02000u /* CS.L */

static inline uint32_t vmx_rights(uint16_t attributes)
{
	if (!(attributes & 0x80)) /* not present */
		return RIGHTS_UNUSABLE;
	return (attributes & 0xffu) | (attributes & 0xf00u) << 4;
}

static inline uint16_t vmx_attributes(uint32_t rights)
{
	return rights & RIGHTS_UNUSABLE ? 0 : (rights & 0xff) | (rights >> 4 & 0xf00);
}

#endif
