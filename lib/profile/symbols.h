/* SPDX-License-Identifier: MIT */
/* What the profiles share. */
#ifndef HADAL_LIB_PROFILE_SYMBOLS_H
#define HADAL_LIB_PROFILE_SYMBOLS_H

#include "kernel/kernel.h"

/* The address that a symbol was linked at; per-CPU and absolute ones do not move. */
static inline uint64_t linked_address(const struct hadal_kernel_info *info, uint64_t address)
{
	const uint64_t image = 0xffffffff80000000ull; /* __START_KERNEL_map */

	return address >= image ? address - info->slide : address;
}

#endif
