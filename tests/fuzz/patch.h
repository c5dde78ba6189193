/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_FUZZ_PATCH_H
#define HADAL_TESTS_FUZZ_PATCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The fuzzer's input as a row of changes to sound data: what is random from the first byte on
 * would be refused at once. Each change is 12 bytes: offset (3), width (1), value (8).
 */
#define PATCH_BYTES 12
#define PATCH_MAX   64

struct patches {
	uint8_t *at[PATCH_MAX];
	uint8_t kept[PATCH_MAX][8];
	size_t count;
};

static inline void patches_apply(struct patches *patches, uint8_t *data, size_t size,
				 const uint8_t *input, size_t len)
{
	patches->count = 0;
	for (; len >= PATCH_BYTES && patches->count < PATCH_MAX;
	     input += PATCH_BYTES, len -= PATCH_BYTES) {
		size_t offset = (input[0] | input[1] << 8 | input[2] << 16) % (size - 8);
		uint8_t *at = data + offset;

		patches->at[patches->count] = at;
		memcpy(patches->kept[patches->count++], at, 8);
		memcpy(at, input + 4, 1 + input[3] % 8);
	}
}

/* Undoes them, the last first. */
static inline void patches_undo(struct patches *patches)
{
	while (patches->count) {
		patches->count--;
		memcpy(patches->at[patches->count], patches->kept[patches->count], 8);
	}
}

#endif
