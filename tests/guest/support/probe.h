/* SPDX-License-Identifier: MIT */
/* Executes single instructions in ring 3, in 64- and in 32-bit code, and tells what came of them.
 */
#ifndef TESTS_GUEST_PROBE_H
#define TESTS_GUEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#define PROBE_64 0x33 /* Linux's code segments */
#define PROBE_32 0x23

struct probe {
	const char *name;
	uint8_t code[15];
	unsigned bytes;
	unsigned mode;          /* PROBE_64, PROBE_32 */
	bool trap;              /* with RFLAGS.TF set */
	bool is_volatile;       /* its results are never the same */
	bool shows_scratch;     /* show the first bytes of what RBX points to */
	uint64_t rax, rcx, rdx; /* RAX of 0: the address of a page */
};

/* Once, on the CPU that counts. Ends the program when it does not work. */
void probe_open(void);
/* Executes it, and writes one line to standard output. */
void probe_run(const struct probe *probe);

#endif
