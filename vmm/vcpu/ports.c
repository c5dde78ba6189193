// SPDX-License-Identifier: MIT
/* The bitmap of I/O ports that exit. */
#include "vcpu/ports.h"
#include "base/errno.h"
#include "paging/memory.h"

#define BITMAP_PAGES 3
#define TRIES        64

static uint8_t *bitmap;

/* The pool hands out a chunk's pages in order, so that only the end of a chunk is in the way. */
int ports_init(void)
{
	uint64_t *first = NULL, *last = NULL;
	unsigned run = 0;

	for (unsigned i = 0; i < TRIES && run < BITMAP_PAGES; i++) {
		uint64_t *page = pt_pool_alloc(&machine.pool);

		if (!page)
			return -ENOMEM;
		if (!run || page != last + PAGE_BYTES / sizeof(*page)) {
			first = page;
			run = 0;
		}
		last = page;
		run++;
	}
	if (run < BITMAP_PAGES)
		return -ENOMEM;
	bitmap = (uint8_t *)first;
	return 0;
}

uint64_t ports_physical(void)
{
	return pt_pool_physical(&machine.pool, (const uint64_t *)bitmap);
}

void ports_set(uint32_t first, uint32_t count, bool exit)
{
	for (uint32_t port = first; port < first + count && port < PORT_COUNT; port++) {
		uint8_t bit = 1u << port % 8;

		if (exit)
			__atomic_fetch_or(&bitmap[port / 8], bit, __ATOMIC_SEQ_CST);
		else
			__atomic_fetch_and(&bitmap[port / 8], (uint8_t)~bit, __ATOMIC_SEQ_CST);
	}
}
