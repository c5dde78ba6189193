// SPDX-License-Identifier: MIT
/* Registers as the JSON that clients of Bareflank read. */
#include "ext/bareflank/registers.h"

/* Two digits at a time. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

static const uint64_t powers[] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
	100000000000000000,
	1000000000000000000,
	10000000000000000000u,
};

static unsigned digits_of(uint64_t value)
{
	/* log10 from log2, by 1233 / 4096, is at most one too small. */
	unsigned guess = (64 - __builtin_clzll(value | 1)) * 1233 >> 12;

	return guess + (value >= powers[guess]);
}

/* LibVMI's reader takes numbers above 2^63 for 2^63 - 1, so those are written as negative. */
static char *put_number(char *text, uint64_t value)
{
	char *end, *at;

	if (value >> 63) {
		*text++ = '-';
		value = -value;
	}
	at = end = text + (value ? digits_of(value) : 1);
	for (; value >= 100; value /= 100) {
		at -= 2;
		__builtin_memcpy(at, &pairs[value % 100 * 2], 2);
	}
	if (value >= 10)
		__builtin_memcpy(text, &pairs[value * 2], 2);
	else
		*text = '0' + value;
	return end;
}

size_t registers_to_json(const struct hadal_regs *regs, char *text)
{
	char *at = text;

	for (unsigned i = 0; i < named_register_count; i++) {
		const struct named_register *name = &named_registers[i];

		__builtin_memcpy(at, name->key, sizeof(name->key));
		at = put_number(at + name->key_length, named_register_get(regs, name));
	}
	*text = '{'; /* for the first comma */
	*at++ = '}';
	*at = 0;
	return at - text;
}
