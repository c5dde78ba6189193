// SPDX-License-Identifier: MIT
/*
 * Example: counts the CPUID instructions of each vCPU, by leaf, and tells the counts to ring 0.
 * It changes nothing: the base handler still answers every CPUID.
 */
#include "extension/extension.h"
#include "vcpu/vcpu.h"
#include "ext/cpuid_count/cpuid_count.h"

#define LEAVES 32 /* basic leaves 0 to 31; all others are counted in the last place */

struct counts {
	uint64_t of[LEAVES + 1];
};

static unsigned place_of(uint32_t leaf)
{
	return leaf < LEAVES ? leaf : LEAVES;
}

static enum verdict count_cpuid(struct vcpu *vcpu, void *data)
{
	struct counts *counts = data;

	counts->of[place_of(vcpu->regs.rax)]++;
	return VERDICT_PASS;
}

static enum verdict tell_count(struct vcpu *vcpu, void *data)
{
	const struct counts *counts = data;

	if (vcpu->regs.rax != HADAL_CALL_BASE + CPUID_COUNT_CALL || vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	vcpu->regs.rax = counts->of[place_of(vcpu->regs.rdi)];
	return VERDICT_DONE;
}

static const struct hadal_extension cpuid_count = {
	.name = "cpuid_count",
	.vcpu_data_bytes = sizeof(struct counts),
	.on =
		{
			[HADAL_EXIT_CPUID] = count_cpuid,
			[HADAL_EXIT_HYPERCALL] = tell_count,
		},
};
HADAL_EXTENSION(cpuid_count);
