/* SPDX-License-Identifier: MIT */
/* Memory for the tests of what looks through it. */
#ifndef HADAL_TESTS_SEARCH_FIXTURE_H
#define HADAL_TESTS_SEARCH_FIXTURE_H

#include <errno.h>
#include <string.h>

#include "search/find.h"
#include "unit.h"

#define RAM_BYTES (4u << 20)
#define HITS_MAX  64
#define LOST_PAGE 0x200000u

/* RAM in two ranges that follow each other, a gap, and a third; one page cannot be read. */
static uint8_t ram[RAM_BYTES];
static const struct hadal_range ranges[] = {
	{0x1000, 0x100000}, {0x100000, 0x300000}, {0x310000, RAM_BYTES}};
static uint8_t buffer[HADAL_SCAN_BYTES];

static ssize_t ram_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < 3; i++) {
		uint64_t end = ranges[i].end;

		if (pa < ranges[i].start || pa >= end)
			continue;
		if (pa / 4096 == LOST_PAGE / 4096)
			return -EACCES;
		if (pa < LOST_PAGE && end > LOST_PAGE)
			end = LOST_PAGE;
		if (len > end - pa)
			len = end - pa;
		memcpy(buf, ram + pa, len);
		return len;
	}
	fail_msg("what is no RAM was touched at %#lx", (unsigned long)pa);
	return -EFAULT;
}

static struct hadal_memory memory = {.read = ram_read, .ranges = ranges, .range_count = 3};

struct hits {
	size_t count;
	uint64_t address[HITS_MAX];
	size_t len[HITS_MAX];
	char text[HITS_MAX][32];
	size_t limit; /* 0: none */
};

static inline int note_hit(void *ctx, uint64_t address, size_t len)
{
	struct hits *hits = ctx;

	assert_true(hits->count < HITS_MAX);
	hits->address[hits->count] = address;
	hits->len[hits->count++] = len;
	return hits->count == hits->limit;
}

static inline struct hadal_area all(void)
{
	return (struct hadal_area){.memory = &memory, .last = UINT64_MAX};
}

static inline void clear(void)
{
	memset(ram, 0, sizeof(ram));
	memory.reads = 0;
}

static inline void place(uint64_t pa, const void *bytes, size_t len)
{
	memcpy(ram + pa, bytes, len);
}

#endif
