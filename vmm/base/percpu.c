// SPDX-License-Identifier: MIT
/* Which CPU this is, told by where its stack lies. */
#include "base/percpu.h"
#include "base/layout.h"

uint32_t percpu_index(void)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0);

	if (here < LAYOUT_PERCPU_BASE)
		return PERCPU_NONE;
	return (here - LAYOUT_PERCPU_BASE) >> PERCPU_SHIFT;
}
