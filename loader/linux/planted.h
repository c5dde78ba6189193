/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Allocations of a start that fail because a test wants them to. */
#ifndef HADAL_LOADER_PLANTED_H
#define HADAL_LOADER_PLANTED_H

#include <linux/types.h>

/* In the tests' build: the parameter fail_at counts down to the allocation that fails; 0: none. */
#ifdef HADAL_PLANTED
extern unsigned int fail_at;

static inline bool planted_failure(void)
{
	return fail_at && !--fail_at;
}
#else
static inline bool planted_failure(void)
{
	return false;
}
#endif

#endif
