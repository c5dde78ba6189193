/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef HADAL_LOADER_CALL_H
#define HADAL_LOADER_CALL_H

#include <linux/errno.h>
#include <linux/types.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <hadal/abi.h>

#include "loader.h"

#define HYPERCALL ALTERNATIVE("vmcall", "vmmcall", X86_FEATURE_VMMCALL)

/*
 * The hypercall itself. *first is RDI and *second RSI, in and out. On a CPU without Hadal the
 * instruction raises #UD, or belongs to the hypervisor that the machine itself runs under: -ENODEV
 * either way. HADAL_CALL_STOP keeps only the registers that a C function keeps.
 */
static __always_inline long hadal_call_pair(enum hadal_call call, u64 *first, u64 *second, u64 c,
					    u64 d, u64 e)
{
	register u64 r8 asm("r8") = d;
	register u64 r9 asm("r9") = e;
	u64 number = HADAL_CALL_BASE + call;
	u64 result = number;

	asm volatile("1: " HYPERCALL "\n2:\n" _ASM_EXTABLE(1b, 2b)
		     : "+a"(result), "+D"(*first), "+S"(*second), "+d"(c), "+r"(r8), "+r"(r9)
		     :
		     : "rcx", "r10", "r11", "memory", "cc");
	/* The -1000 is what KVM answers to a number it does not know. */
	if (result == number || (long)result == -1000)
		return -ENODEV;
	return (long)result;
}

static __always_inline long hadal_call_inout(enum hadal_call call, u64 *first, u64 b, u64 c, u64 d,
					     u64 e)
{
	return hadal_call_pair(call, first, &b, c, d, e);
}

static __always_inline long hadal_call(enum hadal_call call, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return hadal_call_inout(call, &a, b, c, d, e);
}

/* One call never wants more than that. */
#define MOST_FEEDS 8

/* The same for a call that may find the image's pool empty: it is given memory then. */
static __always_inline long hadal_call_fed(enum hadal_call call, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	long result = hadal_call(call, a, b, c, d, e);
	int feeds;

	for (feeds = 0; result == -ENOMEM && feeds < MOST_FEEDS && pool_feed(); feeds++)
		result = hadal_call(call, a, b, c, d, e);
	return result;
}

#endif
