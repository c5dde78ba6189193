// SPDX-License-Identifier: MIT
/*
 * AVML's compressed files: headers as LiME's, and behind each its range as Snappy's frames, then
 * how long these were.
 */
#include <errno.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>

#include "memory/lime.h"
#include "memory/packed.h"

#define AVML_MAGIC   0x4c4d5641u
#define AVML_VERSION 2u

/* Frames of Snappy: a type, three bytes of length, and of data a checksum of four bytes first. */
#define FRAME_HEADER 4u
#define FRAME_CHECK  4u
/* Bytes that are enough to tell how long a frame is unpacked. */
#define FRAME_START   (FRAME_HEADER + FRAME_CHECK + 5u)
#define FRAME_PACKED  0x00
#define FRAME_STORED  0x01
#define FRAME_SKIPPED 0x80 /* this one and those above may be passed over */

/* Blocks of 16 TiB of full frames; smaller ones only a damaged file has so many of. */
#define BLOCKS_MAX (256u << 20)

struct blocks {
	size_t count, room;
	struct packed_block items[];
};

static int find(const struct packed *packed, size_t range, uint64_t pa, struct packed_block *block)
{
	const struct blocks *blocks = packed->format;
	size_t low = 0, high = blocks->count;

	(void)range;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pa >= blocks->items[middle].start + blocks->items[middle].length)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == blocks->count || pa < blocks->items[low].start)
		return -EFAULT;
	*block = blocks->items[low];
	return 0;
}

static int add_block(struct packed *packed, const struct packed_block *block,
		     struct hadal_error *error)
{
	struct blocks *blocks = packed->format;
	size_t room = !blocks                        ? 1024
		      : blocks->count < blocks->room ? blocks->room
						     : 2 * blocks->room;

	if (!blocks || room != blocks->room) {
		struct blocks *grown = NULL;

		if (room <= BLOCKS_MAX)
			grown = realloc(blocks, sizeof(*grown) + room * sizeof(*grown->items));
		if (!grown)
			return hadal_fail(error, ENOMEM, "Out of memory for the blocks of %s",
					  packed->path);
		if (!blocks)
			grown->count = 0;
		grown->room = room;
		packed->format = blocks = grown;
	}
	blocks->items[blocks->count++] = *block;
	return 0;
}

/* How much memory is in a frame, of which size bytes from its header on were read. */
static bool frame_length(const uint8_t *frame, size_t size, uint32_t data,
			 struct packed_block *block)
{
	size_t length;

	if (data < FRAME_CHECK || size < FRAME_HEADER + FRAME_CHECK)
		return false;
	block->size = data - FRAME_CHECK;
	block->packing = frame[0] == FRAME_PACKED ? PACKED_SNAPPY : PACKED_NOT;
	block->has_check = true;
	memcpy(&block->check, frame + FRAME_HEADER, sizeof(block->check));
	if (block->packing == PACKED_NOT) {
		block->length = block->size;
	} else {
		if (snappy_uncompressed_length((const char *)frame + FRAME_HEADER + FRAME_CHECK,
					       size - FRAME_HEADER - FRAME_CHECK,
					       &length) != SNAPPY_OK ||
		    length > PACKED_BLOCK_MAX)
			return false;
		block->length = length;
	}
	return block->length && block->length <= PACKED_BLOCK_MAX &&
	       block->size <= PACKED_STORED_MAX;
}

/* Takes the frame at *offset and goes behind it. *pa: where its memory lies, and then ends. */
static int read_frame(struct packed *packed, uint64_t *offset, uint64_t *pa, uint64_t end,
		      struct hadal_error *error)
{
	uint64_t left = packed->size - *offset;
	size_t size = left < FRAME_START ? left : FRAME_START;
	struct packed_block block = {.start = *pa};
	uint8_t frame[FRAME_START];
	uint32_t data;

	if (size < FRAME_HEADER || !packed_read_file(packed, *offset, frame, size))
		return packed_damaged(packed, *offset, "it ends", error);
	data = frame[1] | frame[2] << 8 | (uint32_t)frame[3] << 16;
	if (data > left - FRAME_HEADER)
		return packed_damaged(packed, *offset, "a frame goes on behind its end", error);
	if (frame[0] == FRAME_PACKED || frame[0] == FRAME_STORED) {
		if (!frame_length(frame, size, data, &block) || block.length > end - *pa)
			return packed_damaged(packed, *offset, "there is no sound frame", error);
		block.offset = *offset + FRAME_HEADER + FRAME_CHECK;
		if (add_block(packed, &block, error))
			return -ENOMEM;
		*pa += block.length;
	} else if (frame[0] < FRAME_SKIPPED) {
		return packed_damaged(packed, *offset, "there is a frame of an unknown kind",
				      error);
	}
	*offset += FRAME_HEADER + data;
	return 0;
}

static int read_range(struct packed *packed, uint64_t *offset, struct hadal_error *error)
{
	uint64_t begin = *offset + sizeof(struct lime_header), length;
	struct lime_header header;
	int result;

	if (!packed_read_file(packed, *offset, &header, sizeof(header)) ||
	    header.magic != AVML_MAGIC || header.version != AVML_VERSION ||
	    header.last < header.first || header.last == UINT64_MAX)
		return packed_damaged(packed, *offset, "there is no AVML header", error);
	result = packed_add_range(packed, header.first, header.last + 1);
	if (result == -ENOMEM)
		return hadal_fail(error, ENOMEM, "Out of memory for the ranges of %s",
				  packed->path);
	if (result)
		return packed_damaged(packed, *offset, "its ranges are out of order", error);
	*offset = begin;
	for (uint64_t pa = header.first; !result && pa <= header.last;)
		result = read_frame(packed, offset, &pa, header.last + 1, error);
	if (result)
		return result;
	if (!packed_read_file(packed, *offset, &length, sizeof(length)) ||
	    length != *offset - begin)
		return packed_damaged(packed, *offset, "the length of frames is wrong", error);
	*offset += sizeof(length);
	return 0;
}

int packed_open_avml(struct packed *packed, struct hadal_error *error)
{
	uint64_t offset = 0;
	int result = 0;

	packed->find = find;
	while (!result && offset < packed->size)
		result = read_range(packed, &offset, error);
	return result;
}
