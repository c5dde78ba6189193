// SPDX-License-Identifier: MIT
/* The ways to reset the machine, one after the other. */
#include "x86/cpu.h"
#include "x86/descriptors.h"
#include "x86/reset.h"

#define RESET_PORT       0xcf9
#define RESET_PREPARE    0x02
#define RESET_HARD       0x0e
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe
#define WAIT_TICKS       (1ull << 27) /* of the TSC, tens of milliseconds: for the one before to work */

static void wait(void)
{
	uint64_t start = rdtsc();

	while (rdtsc() - start < WAIT_TICKS)
		cpu_pause();
}

/* The processor shuts down, which is the last thing that resets a machine (SDM 6.15, APM 8.2.9). */
static _Noreturn void triple_fault(void)
{
	static const struct descriptor_pointer nothing;

	__asm__ volatile("lidt %0\n\tud2" ::"m"(nothing));
	for (;;)
		cpu_pause();
}

/* A triple fault resets the machine on bare hardware; memory, with the log in it, survives most
 * resets. */
void machine_reset(struct vcpu *vcpu)
{
	(void)vcpu;
	outb(RESET_PORT, RESET_PREPARE);
	outb(RESET_PORT, RESET_HARD);
	wait();
	outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
	wait();
	triple_fault();
}
