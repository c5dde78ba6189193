/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Intel's performance counters, stopped while a CPU goes into the image or out of it: PEBS would
 * write a record through page tables that do not have the kernel's buffers.
 */
#ifndef HADAL_LOADER_COUNTERS_H
#define HADAL_LOADER_COUNTERS_H

#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "compat.h"

/* With interrupts off; what counters_go_on() takes. */
static inline u64 counters_stop(void)
{
	u64 running = 0;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL ||
	    !boot_cpu_has(X86_FEATURE_ARCH_PERFMON) ||
	    rdmsrq_safe(MSR_CORE_PERF_GLOBAL_CTRL, &running) || !running)
		return 0;
	wrmsrq(MSR_CORE_PERF_GLOBAL_CTRL, 0);
	return running;
}

static inline void counters_go_on(u64 running)
{
	if (running)
		wrmsrq(MSR_CORE_PERF_GLOBAL_CTRL, running);
}

#endif
