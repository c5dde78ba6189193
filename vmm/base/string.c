// SPDX-License-Identifier: MIT
/* The four functions that the compiler may call on its own. */
#include <stdint.h>
#include "base/string.h"

/* Eight bytes at a time where possible: emulators and older processors copy single bytes slowly. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	void *d = to;
	size_t words = bytes / 8, rest = bytes % 8;

	__asm__ volatile("rep movsq\n mov %3, %2\n rep movsb"
			 : "+D"(d), "+S"(from), "+c"(words)
			 : "r"(rest)
			 : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if (d <= s || d >= s + bytes)
		return memcpy(to, from, bytes);
	while (bytes--)
		d[bytes] = s[bytes];
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *d = to;
	size_t words = bytes / 8, rest = bytes % 8;
	uint64_t pattern = 0x0101010101010101ull * (uint8_t)value;

	__asm__ volatile("rep stosq\n mov %3, %1\n rep stosb"
			 : "+D"(d), "+c"(words)
			 : "a"(pattern), "r"(rest)
			 : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < bytes; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
