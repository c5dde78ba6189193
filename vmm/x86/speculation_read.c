// SPDX-License-Identifier: MIT
/* Telling what keeps the image's guesses from programs. (hw): emulators have none of it. */
#include "base/errno.h"
#include "base/log.h"
#include "x86/cpu.h"
#include "x86/speculation.h"

#define CPUID_7_EDX_SPEC_CTRL         (1u << 26)
#define CPUID_7_EDX_ARCH_CAPABILITIES (1u << 29)
#define MSR_PRED_CMD                  0x49
#define PRED_CMD_IBPB                 1
#define MSR_ARCH_CAPABILITIES         0x10a
#define AMD_IBRS                      (1u << 14)

/* By how the image was built. */
#if defined(HADAL_BARRIER)
#define MENDED    (STEERED_BRANCHES | STEERED_HISTORY | STEERED_RETURNS)
#define MENDED_BY "barriers keep"
#elif defined(HADAL_RETPOLINE)
#define MENDED    (STEERED_BRANCHES | STEERED_HISTORY)
#define MENDED_BY "retpolines keep"
#else
#define MENDED    0u
#define MENDED_BY "nothing keeps"
#endif

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
	uint32_t highest = cpuid(0x80000000, 0).eax;

	*found = (struct speculation){
		.intel = cpu_is_intel(), .efer = rdmsr(MSR_EFER), .signature = cpuid(1, 0).eax};
	if (!found->intel && highest >= 0x80000008)
		found->features = cpuid(0x80000008, 0).ebx;
	if (!found->intel && highest >= 0x80000021)
		found->features_21 = cpuid(0x80000021, 0).eax;
	if (found->intel)
		found->capabilities = arch_capabilities();
	if ((features_7_edx() & CPUID_7_EDX_SPEC_CTRL) || (found->features & AMD_IBRS))
		rdmsr_safe(MSR_SPEC_CTRL, &found->control);
}

static int trial_of_barrier(void)
{
#ifdef HADAL_BARRIER
	return wrmsr_safe(MSR_PRED_CMD, PRED_CMD_IBPB);
#else
	return 0;
#endif
}

int speculation_init(void)
{
	struct speculation found;
	unsigned steered, open;

	if (trial_of_barrier()) {
		log_line("this image was built with BARRIER=1, and the processor has no barrier "
			 "for predictions");
		return -ENODEV;
	}
	find(&found);
	steered = speculation_steered(&found);
	open = steered & ~MENDED;
	if (!(steered & ~STEERED_RETURNS))
		log_line("the processor keeps programs from steering the image's branches");
	else if (!(open & ~STEERED_RETURNS))
		log_line(MENDED_BY " programs from steering the image's branches");
	if (open & STEERED_BRANCHES)
		log_line("nothing keeps programs from steering the image's branches here: where "
			 "they are not trusted build it with 'make RETPOLINE=1'");
	if (open & STEERED_HISTORY)
		log_line("programs may steer the image's branches by their history (BHI): where "
			 "they are not trusted build it with 'make RETPOLINE=1'");
	if (open & STEERED_RETURNS)
		log_line("the processor does not say that programs cannot steer the image's "
			 "returns: where they are not trusted build it with 'make BARRIER=1'");
	return 0;
}
