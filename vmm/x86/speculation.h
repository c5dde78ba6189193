/* SPDX-License-Identifier: MIT */
/*
 * Whether programs can steer where the image's branches and returns go while they are guessed: all
 * RAM is mapped in the image, so a guess may read what is not theirs.
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
	uint32_t signature;   /* CPUID 1 EAX */
	uint32_t features;    /* CPUID 0x80000008 EBX, AMD's */
	uint32_t features_21; /* CPUID 0x80000021 EAX, AMD's */
};

enum {
	STEERED_BRANCHES = 1, /* indirect ones */
	STEERED_HISTORY = 2,  /* the same, among targets of the image's own (BHI) */
	STEERED_RETURNS = 4,  /* Retbleed, SRSO */
};

/* What the processor, as the system has set it up, may guess by what a guest has taught it. */
unsigned speculation_steered(const struct speculation *found);

/* IA32_ARCH_CAPABILITIES, of Intel's; 0: there is none. */
uint64_t arch_capabilities(void);

/*
 * Log what keeps the image's guesses from programs, or that nothing does. -ENODEV: the image was
 * built to use a barrier that this processor does not have.
 */
int speculation_init(void);

#endif
