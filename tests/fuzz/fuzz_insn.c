// SPDX-License-Identifier: MIT
// Sources: vmm/base/insn.c
/* The decoder must stay inside its input, and what it takes from a prefix must not change with
 * more. */
#include <stdlib.h>
#include <string.h>
#include "base/errno.h"
#include "base/insn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, enum insn_mode mode)
{
	struct insn insn, again;
	/* A copy of exact size lets the address sanitizer see every byte read beyond. */
	uint8_t *bytes = malloc(size ? size : 1);
	int err;

	memcpy(bytes, data, size);
	err = insn_decode(bytes, size, mode, &insn);
	if (err && err != -ENODATA && err != -EINVAL)
		abort();
	if (err == -ENODATA && size >= INSN_MAX_BYTES)
		abort();
	if (!err) {
		if (insn.length < 1 || insn.length > INSN_MAX_BYTES || insn.length > size)
			abort();
		if (insn_decode(bytes, insn.length, mode, &again) || again.length != insn.length ||
		    again.id != insn.id)
			abort();
		if (insn_decode(bytes, insn.length - 1u, mode, &again) != -ENODATA)
			abort();
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, INSN_16);
	check(data, size, INSN_32);
	check(data, size, INSN_64);
	return 0;
}
