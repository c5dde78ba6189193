// SPDX-License-Identifier: MIT
/* Lets CPUID exit to the base handler alone, to measure the way there and back. */
#include "extension/extension.h"

static int start(struct vcpu *vcpu, void *data)
{
	(void)data;
	return vcpu_intercept(vcpu, HADAL_EXIT_CPUID);
}

static const struct hadal_extension bench_intercept = {
	.name = "bench_intercept",
	.vcpu_start = start,
};
HADAL_EXTENSION(bench_intercept);
