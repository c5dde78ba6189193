// SPDX-License-Identifier: MIT
/* Which processors keep programs from steering the image's branches (SDM vol. 3, 18.4; APM vol.
 * 2, 3.2.9). */
#include "x86/speculation.h"

#define CAPABILITIES_IBRS_ALL (1ull << 1)
#define SPEC_CTRL_IBRS        (1ull << 0)
#define AMD_IBRS_ALWAYS_ON    (1u << 16)
#define EFER_AIBRSE           (1ull << 21)

bool speculation_is_isolated(const struct speculation *found)
{
	bool restricted = found->control & SPEC_CTRL_IBRS;

	if (found->intel)
		return restricted && (found->capabilities & CAPABILITIES_IBRS_ALL);
	return (found->efer & EFER_AIBRSE) ||
	       (restricted && (found->features & AMD_IBRS_ALWAYS_ON));
}
