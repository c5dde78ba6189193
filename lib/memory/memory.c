// SPDX-License-Identifier: MIT
/* Physical memory, whatever it comes from. */
#include "memory/memory.h"

#include <errno.h>
#include <limits.h>

ssize_t hadal_memory_read(struct hadal_memory *memory, uint64_t pa, void *buf, size_t len)
{
	size_t done = 0;

	if (len > SSIZE_MAX || pa + len < pa)
		return -EINVAL;
	while (done < len) {
		ssize_t got = memory->read(memory->ctx, pa + done, (char *)buf + done, len - done);

		__atomic_fetch_add(&memory->reads, 1, __ATOMIC_RELAXED);
		if (got < 0 && !done)
			return got;
		if (got <= 0 || (size_t)got > len - done)
			break;
		__atomic_fetch_add(&memory->bytes_read, got, __ATOMIC_RELAXED);
		done += got;
	}
	return done;
}

int hadal_memory_read_exact(struct hadal_memory *memory, uint64_t pa, void *buf, size_t len)
{
	ssize_t got = hadal_memory_read(memory, pa, buf, len);

	if (got < 0)
		return got;
	return (size_t)got == len ? 0 : -EFAULT;
}

void hadal_memory_close(struct hadal_memory *memory)
{
	if (memory->close)
		memory->close(memory->ctx);
	memory->close = NULL;
	memory->ctx = NULL;
}
