// SPDX-License-Identifier: MIT
/* Which processors keep programs from steering what the image guesses (SDM vol. 3, 18.4; APM vol.
 * 2, 3.2.9; CPUID as in the APM vol. 3, E.4). */
#include "x86/speculation.h"

#define CAPABILITIES_IBRS_ALL (1ull << 1)
#define CAPABILITIES_RSBA     (1ull << 2) /* an empty return stack is no end of guessing */
#define CAPABILITIES_BHI_NO   (1ull << 20)
#define SPEC_CTRL_IBRS        (1ull << 0)
#define SPEC_CTRL_BHI_DIS_S   (1ull << 10)
#define AMD_IBRS_ALWAYS_ON    (1u << 16)
#define AMD_BTC_NO            (1u << 29)
#define AMD_SRSO_NO           (1u << 29) /* of 0x80000021 EAX */
#define EFER_AIBRSE           (1ull << 21)
#define AMD_ZEN               0x17
#define AMD_ZEN_3             0x19

static unsigned family(uint32_t signature)
{
	unsigned base = signature >> 8 & 15;

	return base == 15 ? base + (signature >> 20 & 255) : base;
}

static unsigned steered_intel(const struct speculation *found)
{
	if (!(found->control & SPEC_CTRL_IBRS) || !(found->capabilities & CAPABILITIES_IBRS_ALL))
		return STEERED_BRANCHES |
		       (found->capabilities & CAPABILITIES_RSBA ? STEERED_RETURNS : 0);
	if ((found->capabilities & CAPABILITIES_BHI_NO) || (found->control & SPEC_CTRL_BHI_DIS_S))
		return 0;
	return STEERED_HISTORY;
}

/* Zen and Zen 2 may take a return for a branch, and up to Zen 4 its stack may be taught. */
static bool returns_are_steered(const struct speculation *found)
{
	unsigned of = family(found->signature);

	if (of < AMD_ZEN || of > AMD_ZEN_3)
		return false;
	return !(found->features_21 & AMD_SRSO_NO) ||
	       (of < AMD_ZEN_3 && !(found->features & AMD_BTC_NO));
}

static unsigned steered_amd(const struct speculation *found)
{
	bool lasting = (found->control & SPEC_CTRL_IBRS) && (found->features & AMD_IBRS_ALWAYS_ON);

	return (found->efer & EFER_AIBRSE || lasting ? 0 : STEERED_BRANCHES) |
	       (returns_are_steered(found) ? STEERED_RETURNS : 0);
}

unsigned speculation_steered(const struct speculation *found)
{
	return found->intel ? steered_intel(found) : steered_amd(found);
}
