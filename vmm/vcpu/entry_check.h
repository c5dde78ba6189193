/* SPDX-License-Identifier: MIT */
#ifndef HADAL_VCPU_ENTRY_CHECK_H
#define HADAL_VCPU_ENTRY_CHECK_H

#include "x86/cpu.h"

/*
 * What of a system's state, whatever the vendor, cannot be carried on under Hadal: 0, or
 * -EOPNOTSUPP with the reason in the log. s_cet: the MSR, 0 where there is none.
 */
int entry_check(uint64_t cr4, uint64_t s_cet);

static inline uint64_t read_s_cet(uint64_t cr4)
{
	uint64_t value = 0;

	if (cr4 & CR4_CET)
		rdmsr_safe(MSR_S_CET, &value);
	return value;
}

#endif
