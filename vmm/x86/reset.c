// SPDX-License-Identifier: MIT
/* A reset of the machine, as a triple fault would do it. */
#include "x86/cpu.h"
#include "x86/reset.h"

#define RESET_PORT       0xcf9
#define RESET_HARD       0x0e
#define KEYBOARD_COMMAND 0x64
#define KEYBOARD_RESET   0xfe

/* A triple fault resets the machine on bare hardware; memory, with the log in it, survives most
 * resets. */
void machine_reset(struct vcpu *vcpu)
{
	(void)vcpu;
	outb(RESET_PORT, RESET_HARD);
	outb(KEYBOARD_COMMAND, KEYBOARD_RESET);
	for (;;)
		cpu_pause();
}
