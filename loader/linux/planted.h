/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What fails at a start because a test wants it to. */
#ifndef HADAL_LOADER_PLANTED_H
#define HADAL_LOADER_PLANTED_H

#include <linux/types.h>

/*
 * In the tests' build: the parameter fail_at counts down to the allocation, or the like, that
 * fails; 0: none. The image does not get the CPU fail_cpu; plant is for its extension
 * (tests/guest/ext/fault).
 */
#ifdef HADAL_PLANTED
extern unsigned int fail_at, plant;
extern int fail_cpu;

static inline bool planted_failure(void)
{
	return fail_at && !--fail_at;
}

static inline bool planted_on_cpu(unsigned int cpu)
{
	return fail_cpu == (int)cpu;
}

static inline u32 planted_in_image(void)
{
	return plant;
}
#else
static inline bool planted_failure(void)
{
	return false;
}

static inline bool planted_on_cpu(unsigned int cpu)
{
	return false;
}

static inline u32 planted_in_image(void)
{
	return 0;
}
#endif

#endif
