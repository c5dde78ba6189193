// SPDX-License-Identifier: MIT
/* Physical memory, whatever it comes from. */
#include "memory/memory.h"

#include <errno.h>
#include <limits.h>

/* Notes len bytes at pa as missing; several threads may read. */
void hadal_memory_note_missing(struct hadal_memory *memory, uint64_t pa, uint64_t len)
{
	struct hadal_missing *missing = &memory->missing;
	uint64_t first = __atomic_load_n(&missing->first, __ATOMIC_RELAXED);
	uint64_t last = __atomic_load_n(&missing->last, __ATOMIC_RELAXED);
	bool none = !__atomic_fetch_add(&missing->reads, 1, __ATOMIC_RELAXED);

	while ((none || pa < first) &&
	       !__atomic_compare_exchange_n(&missing->first, &first, pa, false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED))
		;
	while (pa + len - 1 > last &&
	       !__atomic_compare_exchange_n(&missing->last, &last, pa + len - 1, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

ssize_t hadal_memory_read(struct hadal_memory *memory, uint64_t pa, void *buf, size_t len)
{
	size_t done = 0;

	if (len > SSIZE_MAX || pa + len < pa)
		return -EINVAL;
	while (done < len) {
		ssize_t got = memory->read(memory->ctx, pa + done, (char *)buf + done, len - done);

		__atomic_fetch_add(&memory->reads, 1, __ATOMIC_RELAXED);
		if (got <= 0 || (size_t)got > len - done) {
			hadal_memory_note_missing(memory, pa + done, len - done);
			return got < 0 && !done ? got : (ssize_t)done;
		}
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
