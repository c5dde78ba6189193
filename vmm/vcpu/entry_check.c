// SPDX-License-Identifier: MIT
/* States of a system that Hadal does not slide under. */
#include "vcpu/entry_check.h"
#include "base/log.h"
#include "x86/cpu.h"

#define S_CET_SHADOW_STACK (1ull << 0)

static const char *refusal(uint64_t cr4, uint64_t s_cet)
{
	/* Events would have to be injected with the data that FRED delivers with them. */
	if (cr4 & CR4_FRED)
		return "the kernel uses FRED: boot it with fred=off";
	/* The stack that START returns on has no token of its own to go back to. */
	if ((cr4 & CR4_CET) && (s_cet & S_CET_SHADOW_STACK))
		return "the kernel itself uses a shadow stack";
	return NULL;
}

int entry_check(uint64_t cr4, uint64_t s_cet)
{
	const char *why = refusal(cr4, s_cet);

	if (!why)
		return 0;
	log_line("%s", why);
	return -EOPNOTSUPP;
}
