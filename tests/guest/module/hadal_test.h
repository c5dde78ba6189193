/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * /dev/hadal_test, for tests in a guest only: root executes a hypercall in ring 0 with registers of
 * its choice, and has physically contiguous memory to name in it.
 */
#ifndef HADAL_TEST_H
#define HADAL_TEST_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

/* Which instruction: that of the processor's vendor, or the other vendor's. */
enum hadal_test_instruction { HADAL_TEST_OWN, HADAL_TEST_OTHER };

/* All general registers but RSP: in as they are before the instruction, out as it leaves them. */
struct hadal_test_registers {
	uint64_t rax, rcx, rdx, rbx, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
};

struct hadal_test_call {
	struct hadal_test_registers registers;
	uint32_t instruction; /* enum hadal_test_instruction */
	uint32_t trapped;     /* out: 1 when the instruction faulted */
};

/* The arena: mmap() offset 0, HADAL_TEST_ARENA_BYTES; each open file has its own. */
#define HADAL_TEST_ARENA_ORDER 7
#define HADAL_TEST_ARENA_BYTES (4096ul << HADAL_TEST_ARENA_ORDER)
struct hadal_test_arena {
	uint64_t physical;
	uint64_t kernel_virtual;
};

#define HADAL_TEST_CALL  _IOWR('h', 0, struct hadal_test_call)
#define HADAL_TEST_ARENA _IOR('h', 1, struct hadal_test_arena)

#endif
