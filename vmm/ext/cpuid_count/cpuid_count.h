/* SPDX-License-Identifier: MIT */
/* How to ask the cpuid_count extension. */
#ifndef HADAL_EXT_CPUID_COUNT_CPUID_COUNT_H
#define HADAL_EXT_CPUID_COUNT_CPUID_COUNT_H

#include <hadal/abi.h>

/* RDI: a leaf. Returns how often this vCPU has executed CPUID with it. Ring 0 only. */
#define CPUID_COUNT_CALL (HADAL_CALL_EXTENSION + 0)

#endif
