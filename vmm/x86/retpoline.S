/* SPDX-License-Identifier: MIT */
/*
 * With RETPOLINE=1 the compiler calls these in place of each indirect branch: a return is guessed by the
 * call right before it, so the guess spins here whatever a guest has taught the processor.
 */
#ifdef HADAL_RETPOLINE
#include "x86/registers.inc"

	.macro retpoline name
	.balign 32
	.globl __x86_indirect_thunk_\name
__x86_indirect_thunk_\name:
	call 2f
1:	pause
	lfence
	jmp 1b
2:	mov %\name, (%rsp)
	ret
	.endm

#define RETPOLINE(NAME, name, ...) retpoline name;
#define NOTHING(NAME, name, ...)

	.text
	HADAL_GENERAL_REGISTERS(RETPOLINE, NOTHING)
#endif
