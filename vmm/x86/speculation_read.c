// SPDX-License-Identifier: MIT
/* Telling what keeps the image's indirect branches from programs. (hw): emulators have none of it.
 */
#include "base/log.h"
#include "x86/cpu.h"
#include "x86/speculation.h"

#define CPUID_7_EDX_SPEC_CTRL         (1u << 26)
#define CPUID_7_EDX_ARCH_CAPABILITIES (1u << 29)
#define MSR_ARCH_CAPABILITIES         0x10a
#define AMD_IBRS                      (1u << 14)

static uint32_t features_7_edx(void)
{
	return cpuid(0, 0).eax >= 7 ? cpuid(7, 0).edx : 0;
}

uint64_t arch_capabilities(void)
{
	uint64_t value = 0;

	if (features_7_edx() & CPUID_7_EDX_ARCH_CAPABILITIES)
		rdmsr_safe(MSR_ARCH_CAPABILITIES, &value);
	return value;
}

static void find(struct speculation *found)
{
	*found = (struct speculation){.intel = cpu_is_intel(), .efer = rdmsr(MSR_EFER)};
	if (!found->intel && cpuid(0x80000000, 0).eax >= 0x80000008)
		found->features = cpuid(0x80000008, 0).ebx;
	if (found->intel)
		found->capabilities = arch_capabilities();
	if ((features_7_edx() & CPUID_7_EDX_SPEC_CTRL) || (found->features & AMD_IBRS))
		rdmsr_safe(MSR_SPEC_CTRL, &found->control);
}

void speculation_tell(void)
{
	struct speculation found;

	find(&found);
	if (speculation_is_isolated(&found))
		log_line("the processor keeps programs from steering the image's branches");
#ifdef HADAL_RETPOLINE
	else
		log_line("retpolines keep programs from steering the image's branches");
#else
	else
		log_line("nothing keeps programs from steering the image's branches here: where "
			 "they "
			 "are not trusted build it with 'make RETPOLINE=1'");
#endif
}
