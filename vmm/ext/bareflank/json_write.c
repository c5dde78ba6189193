// SPDX-License-Identifier: MIT
#include "ext/bareflank/registers.h"

/* Two digits at a time. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
			    "25262728293031323334353637383940414243444546474849"
			    "50515253545556575859606162636465666768697071727374"
			    "75767778798081828384858687888990919293949596979899";

static char *put_pair(char *end, unsigned value)
{
	end -= 2;
	__builtin_memcpy(end, &pairs[value * 2], 2);
	return end;
}

/* LibVMI's reader takes numbers above 2^63 for 2^63 - 1, so those are written as negative. */
static char *put_number(char *text, uint64_t value)
{
	char digits[20];
	char *end = digits + sizeof(digits), *start = end;

	if (value >> 63) {
		*text++ = '-';
		value = -value;
	}
	for (; value >= 100; value /= 100)
		start = put_pair(start, value % 100);
	if (value >= 10)
		start = put_pair(start, value);
	else
		*--start = '0' + value;
	while (start < end)
		*text++ = *start++;
	return text;
}

size_t registers_to_json(const struct hadal_regs *regs, char *text)
{
	char *at = text;

	*at++ = '{';
	for (unsigned i = 0; i < named_register_count; i++) {
		const struct named_register *name = &named_registers[i];

		if (i)
			*at++ = ',';
		__builtin_memcpy(at, name->key, sizeof(name->key));
		at = put_number(at + name->key_length, named_register_get(regs, name));
	}
	*at++ = '}';
	*at = 0;
	return at - text;
}
