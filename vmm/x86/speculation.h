/* SPDX-License-Identifier: MIT */
/*
 * Whether programs can steer where the image's indirect branches go while they are guessed: all RAM
 * is mapped in the image, so a guess may read what is not theirs.
 */
#ifndef HADAL_X86_SPECULATION_H
#define HADAL_X86_SPECULATION_H

#include <stdbool.h>
#include <stdint.h>

struct speculation {
	bool intel;
	uint64_t capabilities; /* IA32_ARCH_CAPABILITIES, Intel's; 0: there is none */
	uint64_t control;      /* IA32_SPEC_CTRL as the system has it; 0: there is none */
	uint64_t efer;
	uint32_t features; /* CPUID 0x80000008 EBX, AMD's */
};

/* The processor, as the system has set it up, guesses by nothing that a guest has taught it. */
bool speculation_is_isolated(const struct speculation *found);

/* IA32_ARCH_CAPABILITIES, of Intel's; 0: there is none. */
uint64_t arch_capabilities(void);

/* Log what keeps the image's branches from programs, or that nothing does. */
void speculation_tell(void);

#endif
