// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/memory/memory.c lib/memory/format.c lib/memory/image.c lib/memory/packed.c
// Sources: lib/memory/avml.c lib/memory/kdump.c tests/unit/packed_builder.c
// Libraries: -lelf -lz -lzstd -llzo2 -lsnappy
/* Damaged images, of every format: refused, or read without leaving the file. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/image.h"
#include "packed_builder.h"
#include "patch.h"

static void use(const uint8_t *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct hadal_memory memory;
	uint8_t bytes[5000];
	char path[32];

	if (fd < 0 || write(fd, data, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!hadal_image_open(path, &memory, NULL)) {
		for (size_t i = 0; i < memory.range_count && i < 16; i++) {
			const struct hadal_range *range = &memory.ranges[i];

			if (range->start >= range->end || (i && range->start < range[-1].end))
				abort();
			hadal_memory_read(&memory, range->start, bytes, sizeof(bytes));
			hadal_memory_read(&memory, range->end - 1, bytes, sizeof(bytes));
		}
		hadal_memory_close(&memory);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static uint8_t ram[PACKED_RAM];
	static struct packed_file files[6];
	struct patches patches;
	unsigned kind;

	if (!files[0].bytes) {
		packed_fill(ram);
		files[0] = packed_avml(ram, PACKED_SNAPPY);
		for (int i = 1; i < 6; i++)
			files[i] = packed_kdump(ram, PACKED_NOT + i - 1);
	}
	if (!len)
		return 0;
	kind = input[0] % 8;
	if (kind >= 6) {
		use(input + 1, len - 1);
		return 0;
	}
	patches_apply(&patches, files[kind].bytes, files[kind].size, input + 1, len - 1);
	use(files[kind].bytes, files[kind].size);
	patches_undo(&patches);
	return 0;
}
