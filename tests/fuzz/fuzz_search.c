// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/memory/memory.c lib/memory/space.c lib/walk/list.c
// Sources: lib/walk/address_map.c lib/search/area.c lib/search/scan.c lib/search/pattern.c
// Sources: lib/search/strings.c lib/search/find.c
/*
 * A pattern as a person writes it, and memory of two ranges around the end of a block to find it
 * in: all places must be found that looking at every byte finds, and no others.
 */
#include <stdlib.h>
#include <string.h>

#include "search/find.h"

/* RAM begins so that the fuzzer's bytes lie across the end of the first block. */
#define TEXT_MAX  64u
#define TAIL      256u
#define RAM_START 0x1000u
#define RAM_END   (RAM_START + HADAL_SCAN_BYTES + 2 * TAIL)
#define GAP_BYTES 0x1000u

static uint8_t *ram, *buffer;
static struct hadal_range ranges[2];
static struct hadal_memory memory;
static uint64_t expected; /* where the next place should be */
static const struct hadal_pattern *sought;

static ssize_t ram_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	size_t range = pa >= ranges[1].start;

	(void)ctx;
	if (pa < ranges[range].start || pa >= ranges[range].end)
		abort();
	if (len > ranges[range].end - pa)
		len = ranges[range].end - pa;
	memcpy(buf, ram + pa, len);
	return len;
}

static bool lies_at(uint64_t pa)
{
	if (pa % sought->align)
		return false;
	for (size_t i = 0; i < sought->len; i++)
		if ((ram[pa + i] & sought->mask[i]) != sought->bytes[i])
			return false;
	return true;
}

/* The next place from an address on, looking at every byte. */
static uint64_t next_place(uint64_t pa)
{
	for (int i = 0; i < 2; i++) {
		if (pa < ranges[i].start)
			pa = ranges[i].start;
		for (; pa + sought->len <= ranges[i].end; pa++)
			if (lies_at(pa))
				return pa;
	}
	return UINT64_MAX;
}

static int check_hit(void *ctx, uint64_t address, size_t len)
{
	(void)ctx;
	if (address != expected || len != sought->len)
		abort();
	expected = next_place(address + 1);
	return 0;
}

static int make_pattern(struct hadal_pattern *pattern, uint8_t kind, const char *text)
{
	switch (kind % 5) {
	case 0:
		return hadal_pattern_text(pattern, text, kind & 0x80, NULL);
	case 1:
		return hadal_pattern_utf16(pattern, text, kind & 0x80, NULL);
	case 2:
		return hadal_pattern_number(pattern, strlen(text) * 0x101, kind & 0x80 ? 4 : 8,
					    NULL);
	default:
		return hadal_pattern_hex(pattern, text, NULL);
	}
}

static void make_memory(void)
{
	ram = calloc(1, RAM_END + GAP_BYTES + TAIL);
	buffer = malloc(HADAL_SCAN_BYTES);
	ranges[0] = (struct hadal_range){RAM_START, RAM_END};
	ranges[1] = (struct hadal_range){RAM_END + GAP_BYTES, RAM_END + GAP_BYTES + TAIL};
	memory = (struct hadal_memory){.read = ram_read, .ranges = ranges, .range_count = 2};
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static struct hadal_pattern pattern;
	struct hadal_finder finder = {.pattern = &pattern, .hit = check_hit};
	const struct hadal_area area = {.memory = &memory, .last = UINT64_MAX};
	char text[TEXT_MAX + 1] = "";
	size_t text_len, tail;

	if (!ram)
		make_memory();
	if (len < 2)
		return 0;
	text_len = input[1] % TEXT_MAX < len - 2 ? input[1] % TEXT_MAX : len - 2;
	memcpy(text, input + 2, text_len);
	if (make_pattern(&pattern, input[0], text))
		return 0;
	tail = len - 2 - text_len < 2 * TAIL ? len - 2 - text_len : 2 * TAIL;
	memcpy(ram + RAM_START + HADAL_SCAN_BYTES - TAIL, input + 2 + text_len, tail);
	memcpy(ram + RAM_END - tail / 2, input + 2 + text_len, tail / 2);
	memcpy(ram + ranges[1].start, input + 2 + text_len, tail < TAIL ? tail : TAIL);
	sought = &pattern;
	expected = next_place(0);
	hadal_find(&finder, &area, buffer);
	if (expected != UINT64_MAX)
		abort();
	memset(ram + RAM_END - 3 * TAIL, 0, 3 * TAIL + GAP_BYTES + TAIL);
	return 0;
}
