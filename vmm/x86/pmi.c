// SPDX-License-Identifier: MIT
/*
 * Whether a performance counter's interrupt waits for its handler (SDM vol. 3, 20.6.3 and 11.5.1;
 * APM vol. 2, 13.2). (hw): the emulators have no such interrupts.
 */
#include "x86/apic.h"
#include "x86/cpu.h"
#include "x86/pmi.h"

#define MSR_GLOBAL_STATUS    0x38e
#define GLOBAL_STATUS_EVENTS (0xffffffffffffull | 1ull << 55 | 1ull << 62) /* counters, PT, DS */
#define MSR_AMD_CTL0         0xc0010200
#define AMD_COUNTERS         6
#define AMD_CTL_USED         (1ull << 22 | 1ull << 20) /* counts, and interrupts */
#define AMD_COUNTER_SIGN     (1ull << 47)
#define CPUID_AMD_COUNTERS   (1u << 23) /* 0x80000001 ECX */
#define LVT_MASKED           (1u << 16)
#define LVT_MODE             0x700u
#define LVT_MODE_NMI         0x400u

static enum { PMI_NONE, PMI_INTEL, PMI_AMD } kind;

void pmi_init(void)
{
	bool intel = cpu_is_intel();
	uint64_t unused;

	kind = PMI_NONE;
	if (intel && cpuid(0, 0).eax >= 0xa && (cpuid(0xa, 0).eax & 0xff) >= 2 &&
	    !rdmsr_safe(MSR_GLOBAL_STATUS, &unused))
		kind = PMI_INTEL;
	if (!intel && (cpuid(0x80000001, 0).ecx & CPUID_AMD_COUNTERS) &&
	    !rdmsr_safe(MSR_AMD_CTL0, &unused))
		kind = PMI_AMD;
}

/* Delivery masks the local APIC's entry on Intel's, and its handler unmasks it. */
static bool intel_waits(void)
{
	return (rdmsr(MSR_GLOBAL_STATUS) & GLOBAL_STATUS_EVENTS) &&
	       (apic_lvt_counters() & (LVT_MASKED | LVT_MODE)) == (LVT_MASKED | LVT_MODE_NMI);
}

/* Counters that interrupt count from a negative number up: one that is not has overflowed. */
static bool amd_waits(void)
{
	for (unsigned i = 0; i < AMD_COUNTERS; i++) {
		uint32_t control = MSR_AMD_CTL0 + 2 * i;

		if ((rdmsr(control) & AMD_CTL_USED) == AMD_CTL_USED &&
		    !(rdmsr(control + 1) & AMD_COUNTER_SIGN))
			return (apic_lvt_counters() & (LVT_MASKED | LVT_MODE)) == LVT_MODE_NMI;
	}
	return false;
}

bool pmi_waits(void)
{
	switch (kind) {
	case PMI_INTEL:
		return intel_waits();
	case PMI_AMD:
		return amd_waits();
	default:
		return false;
	}
}
