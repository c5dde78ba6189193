// SPDX-License-Identifier: MIT
/* Files with compressed memory, as AVML and makedumpfile write them. */
#include "packed_builder.h"

#include <lzo/lzo1x.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define PAGE  4096u
#define FRAME 65536u

static const struct hadal_range ranges[] = {{PACKED_LOW_START, PACKED_LOW_END},
					    {PACKED_HIGH_START, PACKED_RAM}};

void packed_fill(uint8_t ram[PACKED_RAM])
{
	uint32_t random = 1;

	for (size_t i = 0; i < PACKED_RAM; i++) {
		random = random * 1103515245 + 12345;
		/* Each third page is noise. */
		ram[i] = i / PAGE % 3 ? i / 64 : random >> 16;
	}
}

static void append(struct packed_file *file, const void *bytes, size_t size)
{
	file->bytes = realloc(file->bytes, file->size + size);
	if (!file->bytes)
		abort();
	if (bytes)
		memcpy(file->bytes + file->size, bytes, size);
	else
		memset(file->bytes + file->size, 0, size);
	file->size += size;
}

static uint32_t masked_crc(const uint8_t *bytes, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	crc = ~crc;
	return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void append_frame(struct packed_file *file, uint8_t type, const uint32_t *check,
			 const void *data, size_t size)
{
	size_t length = size + (check ? sizeof(*check) : 0);
	const uint8_t header[] = {type, length, length >> 8, length >> 16};

	append(file, header, sizeof(header));
	if (check)
		append(file, check, sizeof(*check));
	append(file, data, size);
}

/* What Snappy makes smaller by an eighth is packed, all else is stored. */
static void append_data(struct packed_file *file, const uint8_t *bytes, size_t size,
			enum packing packing)
{
	char packed[FRAME * 2];
	size_t length = sizeof(packed);
	uint32_t check = masked_crc(bytes, size);

	if (snappy_compress((const char *)bytes, size, packed, &length) != SNAPPY_OK)
		abort();
	if (packing == PACKED_NOT || length >= size - size / 8)
		append_frame(file, 1, &check, bytes, size);
	else
		append_frame(file, 0, &check, packed, length);
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
	while (size && !bytes[size - 1])
		size--;
	return !size;
}

/* A record: a header as LiME's, frames that begin with Snappy's own, and how long these are. */
static void append_record(struct packed_file *file, const uint8_t *ram, uint64_t start,
			  uint64_t end, enum packing packing)
{
	const uint64_t places[] = {start, end - 1, 0};
	const uint32_t version = 2;
	uint64_t begin, length;

	append(file, "AVML", 4);
	append(file, &version, sizeof(version));
	append(file, places, sizeof(places));
	begin = file->size;
	append_frame(file, 0xff, NULL, "sNaPpY", 6);
	/* AVML writes none of these, which may be in any such file. */
	if (packing == PACKED_NOT)
		append_frame(file, 0xfe, NULL, "padding", 7);
	for (uint64_t at = start; at < end; at += FRAME)
		append_data(file, ram + at, end - at < FRAME ? end - at : FRAME, packing);
	length = file->size - begin;
	append(file, &length, sizeof(length));
}

struct packed_file packed_avml(const uint8_t ram[PACKED_RAM], enum packing packing)
{
	struct packed_file file = {0};

	for (size_t i = 0; i < 2; i++)
		for (uint64_t at = ranges[i].start; at < ranges[i].end; at += PACKED_RECORD) {
			uint64_t end = ranges[i].end - at < PACKED_RECORD ? ranges[i].end
									  : at + PACKED_RECORD;

			if (!is_zero(ram + at, end - at))
				append_record(&file, ram, at, end, packing);
		}
	return file;
}

/* Returns the bytes that the page becomes, and their flag; 0 bytes when they would be more. */
static size_t pack(const uint8_t *page, enum packing packing, uint8_t out[2 * PAGE],
		   uint32_t *flags)
{
	static uint8_t work[LZO1X_1_MEM_COMPRESS];
	uLongf zlib = 2 * PAGE;
	lzo_uint lzo = 0;
	size_t size = 2 * PAGE;

	*flags = 0;
	switch (packing) {
	case PACKED_ZLIB:
		compress(out, &zlib, page, PAGE);
		size = zlib;
		*flags = 1;
		break;
	case PACKED_LZO:
		lzo1x_1_compress(page, PAGE, out, &lzo, work);
		size = lzo;
		*flags = 2;
		break;
	case PACKED_SNAPPY:
		snappy_compress((const char *)page, PAGE, (char *)out, &size);
		*flags = 4;
		break;
	case PACKED_ZSTD:
		size = ZSTD_compress(out, 2 * PAGE, page, PAGE, 1);
		*flags = 32;
		break;
	default:
		return 0;
	}
	return size < PAGE ? size : 0;
}

static bool in_file(uint64_t page)
{
	return page != PACKED_LEFT_OUT &&
	       ((page >= PACKED_LOW_START && page < PACKED_LOW_END) || page >= PACKED_HIGH_START);
}

static void put(struct packed_file *file, size_t at, uint64_t value, size_t size)
{
	memcpy(file->bytes + at, &value, size);
}

struct packed_file packed_kdump(const uint8_t ram[PACKED_RAM], enum packing packing)
{
	const uint64_t pages = PACKED_RAM / PAGE;
	struct packed_file file = {0};
	size_t descriptor = PACKED_KDUMP_DESCRIPTORS;

	append(&file, NULL, PACKED_KDUMP_DESCRIPTORS + pages * 24);
	memcpy(file.bytes, "KDUMP   ", 8);
	put(&file, 8, 6, 4);
	strcpy((char *)file.bytes + 12 + 4 * 65, "x86_64");
	put(&file, 428, PAGE, 4);
	put(&file, 432, 1, 4); /* blocks of the second header, then of the maps */
	put(&file, 436, 2, 4);
	put(&file, PAGE + 96, pages, 8);
	for (uint64_t page = 0; page < PACKED_RAM; page += PAGE) {
		uint8_t packed[2 * PAGE];
		uint32_t flags;
		size_t size;

		if (!in_file(page))
			continue;
		file.bytes[PACKED_KDUMP_MAP + PAGE + page / PAGE / 8] |= 1 << page / PAGE % 8;
		size = pack(ram + page, packing, packed, &flags);
		put(&file, descriptor, file.size, 8);
		put(&file, descriptor + 8, size ? size : PAGE, 4);
		put(&file, descriptor + 12, size ? flags : 0, 4);
		descriptor += 24;
		append(&file, size ? packed : ram + page, size ? size : PAGE);
	}
	return file;
}
