/* SPDX-License-Identifier: MIT */
/* Hypercalls from ring 0 and memory for them, by way of hadal_test.ko. */
#ifndef TESTS_GUEST_RING0_H
#define TESTS_GUEST_RING0_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hadal/abi.h>

#include "module/hadal_test.h"

#define PAGE        4096ull
#define ARENA_PAGES (HADAL_TEST_ARENA_BYTES / PAGE)

/* Each of these ends the program with a message when it does not work. */

/* Memory that is contiguous in physical memory: [arena.physical, + HADAL_TEST_ARENA_BYTES). */
struct arena {
	uint8_t *bytes;
	uint64_t physical;
	uint64_t kernel_virtual;
};

int ring0_open(struct arena *arena);
/* Executes the vendor's instruction; false when it faulted. */
bool ring0_execute(struct hadal_test_registers *registers);
/* The same with the instruction of the other vendor. */
bool ring0_execute_other(struct hadal_test_registers *registers);
/* One hypercall with up to five arguments; its result. Ends the program when it faults. */
int64_t ring0_call(uint64_t number, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
		   uint64_t r9);
/* Stay on one CPU. */
void pin_to_cpu(unsigned int cpu);

#endif
