/* SPDX-License-Identifier: MIT */
/* Registers under the names that LibVMI knows them by. */
#ifndef HADAL_EXT_BAREFLANK_REGISTERS_H
#define HADAL_EXT_BAREFLANK_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <hadal/abi.h>

struct named_register {
	char key[20]; /* as in JSON, with the comma before it, quotes and colon */
	uint8_t key_length;
	uint8_t bytes;   /* 2, 4 or 8 */
	uint16_t offset; /* in struct hadal_regs */
	uint64_t mask;   /* as many bytes */
};

extern const struct named_register named_registers[];
extern const unsigned named_register_count;
#define NAMED_REGISTERS_MAX 96

/* The longest text that registers_to_json() makes, with its NUL. */
#define REGISTERS_JSON_MAX 3072
/* Writes a JSON object of signed decimals to text[REGISTERS_JSON_MAX]; its length without the NUL.
 */
size_t registers_to_json(const struct hadal_regs *regs, char *text);

/* An object of registers, read. */
struct register_object {
	struct hadal_regs regs; /* those that it has no key for stay as they are */
	uint64_t mask;          /* bit n: it has enum hadal_reg n, or a part of that */
	bool has_vcpu;          /* a key VCPU names the one that is meant */
	uint64_t vcpu;
};

/*
 * Reads a JSON object with any of the keys that registers_to_json() writes, and VCPU; a NUL or
 * `bytes` end the text. Values are integers from -2^63 to 2^64 - 1 that fit into their register. 0,
 * or -EINVAL for anything else: unknown keys, keys that come twice, what is no integer, what
 * follows the object.
 */
int registers_from_json(const char *text, size_t bytes, struct register_object *object);

/* Members have others behind them, so that eight bytes may be read of each. */
static inline uint64_t named_register_get(const struct hadal_regs *regs,
					  const struct named_register *name)
{
	uint64_t value;

	__builtin_memcpy(&value, (const uint8_t *)regs + name->offset, sizeof(value));
	return value & name->mask;
}

#endif
