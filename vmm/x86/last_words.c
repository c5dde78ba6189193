// SPDX-License-Identifier: MIT
/* The end of the log on the serial line, when nobody will be able to read the log any more. */
#include <hadal/boot.h>
#include "x86/last_words.h"
#include "base/log.h"
#include "x86/cpu.h"

#define COM1_DATA   0x3f8
#define COM1_STATUS 0x3fd /* line status */
#define STATUS_IDLE 0x20  /* the next byte may be written */
#define NO_PORT     0xff
#define BYTES       1024
#define SPINS       20000 /* longer than a byte takes */

static bool put(char c)
{
	for (int i = 0; i < SPINS; i++) {
		if (inb(COM1_STATUS) & STATUS_IDLE) {
			outb(COM1_DATA, c);
			return true;
		}
		cpu_pause();
	}
	return false;
}

void last_words(void)
{
	uint64_t head = log_ring.head, position = head > BYTES ? head - BYTES : 0;
	char c;

	if (inb(COM1_STATUS) == NO_PORT)
		return;
	while (log_read(&position, &c, 1))
		if (!put(c) || (c == '\n' && !put('\r')))
			return;
}
