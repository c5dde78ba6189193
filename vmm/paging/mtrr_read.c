// SPDX-License-Identifier: MIT
/* The processor's MTRRs as they are. */
#include "paging/mtrr.h"
#include "base/string.h"
#include "x86/cpu.h"

#define CPUID_1_MTRR (1u << 12)

const uint32_t mtrr_fixed_msr[MTRR_FIXED_COUNT] = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
						   0x26b, 0x26c, 0x26d, 0x26e, 0x26f};

void mtrr_read(struct mtrr_state *mtrr, uint8_t physical_bits)
{
	memset(mtrr, 0, sizeof(*mtrr));
	mtrr->physical_bits = physical_bits;
	if (!(cpuid(1, 0).edx & CPUID_1_MTRR)) {
		mtrr->def_type = MTRR_DEF_E | MEMORY_WB; /* no MTRRs: PAT alone decides */
		return;
	}
	rdmsr_safe(MSR_MTRRCAP, &mtrr->cap);
	rdmsr_safe(MSR_MTRR_DEF_TYPE, &mtrr->def_type);
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++)
		rdmsr_safe(mtrr_fixed_msr[i], &mtrr->fixed[i]);
	for (unsigned i = 0; i < mtrr_variable_count(mtrr); i++) {
		rdmsr_safe(MSR_MTRR_BASE0 + 2 * i, &mtrr->base[i]);
		rdmsr_safe(MSR_MTRR_BASE0 + 2 * i + 1, &mtrr->mask[i]);
	}
}

bool mtrr_has(uint32_t msr)
{
	if (msr == MSR_MTRR_DEF_TYPE)
		return true;
	if (msr >= MSR_MTRR_BASE0 && msr < MSR_MTRR_BASE0 + 2 * MTRR_VARIABLE_MAX)
		return true;
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++)
		if (msr == mtrr_fixed_msr[i])
			return true;
	return false;
}
