// SPDX-License-Identifier: MIT
/* Has a handler of CPUID that leaves it to the base handler, to measure what a handler adds. */
#include "extension/extension.h"

static enum verdict pass(struct vcpu *vcpu, void *data)
{
	(void)vcpu;
	(void)data;
	return VERDICT_PASS;
}

static const struct hadal_extension bench_pass = {
	.name = "bench_pass",
	.on = {[HADAL_EXIT_CPUID] = pass},
};
HADAL_EXTENSION(bench_pass);
