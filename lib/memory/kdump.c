// SPDX-License-Identifier: MIT
/*
 * Files of makedumpfile that are compressed (kdump-compressed): a header, a map of the pages that
 * there are and one of those that are in the file, and of each of these where it is.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "memory/packed.h"

struct header {
	char signature[8];
	uint32_t version;
	char names[6][65]; /* as uname's: machine is the fifth */
	uint8_t padding[6];
	uint64_t time[2];
	uint32_t status;
	uint32_t block_size;
	uint32_t sub_blocks; /* of the header that follows in the next block */
	uint32_t map_blocks; /* of both maps */
	uint32_t pages;      /* page frames below this; of version 6 and later in the sub-header */
	uint32_t unused[5];
};

struct sub_header {
	uint64_t physical;
	uint32_t level;
	uint32_t split; /* this is one of several files */
	uint64_t unused[10];
	uint64_t pages;
};

/* Where a page is. */
struct descriptor {
	uint64_t offset;
	uint32_t size;
	uint32_t flags;
	uint64_t page_flags;
};

#define PAGE_ZLIB   0x01u
#define PAGE_LZO    0x02u
#define PAGE_SNAPPY 0x04u
#define PAGE_ZSTD   0x20u

#define BLOCK_MIN 4096u
/* Bytes of a map that are looked at at a time. */
#define PIECE 65536u

struct format {
	uint64_t descriptors; /* offset of the first */
	uint32_t page;        /* bytes */
	size_t room;
	uint64_t first[]; /* of each range: the number of its first page's descriptor */
};

static enum packing packing_of(uint32_t flags)
{
	return flags & PAGE_ZLIB     ? PACKED_ZLIB
	       : flags & PAGE_LZO    ? PACKED_LZO
	       : flags & PAGE_SNAPPY ? PACKED_SNAPPY
	       : flags & PAGE_ZSTD   ? PACKED_ZSTD
				     : PACKED_NOT;
}

static int find(const struct packed *packed, size_t range, uint64_t pa, struct packed_block *block)
{
	const struct format *format = packed->format;
	uint64_t page = (pa - packed->ranges[range].start) / format->page;
	struct descriptor descriptor;

	if (!packed_read_file(packed,
			      format->descriptors +
				      (format->first[range] + page) * sizeof(descriptor),
			      &descriptor, sizeof(descriptor)) ||
	    !descriptor.size)
		return -EFAULT;
	*block = (struct packed_block){
		.start = packed->ranges[range].start + page * format->page,
		.offset = descriptor.offset,
		.length = format->page,
		.size = descriptor.size,
		.packing = packing_of(descriptor.flags),
	};
	return 0;
}

/* Notes that the file has count pages from one on, which come first in what has been read. */
static int add_pages(struct packed *packed, uint64_t frame, uint64_t count, uint64_t *number)
{
	struct format *format = packed->format;
	uint64_t start = frame * format->page;
	size_t before = packed->count;
	int result = packed_add_range(packed, start, start + count * format->page);

	if (!result && packed->count != before) {
		if (before == format->room) {
			format = realloc(format,
					 sizeof(*format) + packed->room * sizeof(*format->first));
			if (!format)
				return -ENOMEM;
			packed->format = format;
			format->room = packed->room;
		}
		format->first[before] = *number;
	}
	*number += count;
	return result;
}

/* Reads the map of the pages in the file, whose bits are in the order of their numbers. */
static int read_map(struct packed *packed, uint64_t offset, uint64_t pages, uint64_t *number,
		    struct hadal_error *error)
{
	uint64_t first = 0, run = 0;
	uint8_t piece[PIECE];

	for (uint64_t frame = 0; frame < pages; frame++) {
		uint64_t byte = frame / 8;
		size_t want = (pages + 7) / 8 - byte;

		if (frame % (8 * PIECE) == 0 &&
		    !packed_read_file(packed, offset + byte, piece, want < PIECE ? want : PIECE))
			return packed_damaged(packed, offset + byte, "its map of pages ends",
					      error);
		if (piece[byte % PIECE] >> frame % 8 & 1) {
			first = run++ ? first : frame;
			continue;
		}
		if (run && add_pages(packed, first, run, number))
			return hadal_fail(error, ENOMEM, "Out of memory for the pages of %s",
					  packed->path);
		run = 0;
	}
	if (run && add_pages(packed, first, run, number))
		return hadal_fail(error, ENOMEM, "Out of memory for the pages of %s", packed->path);
	return 0;
}

static int check_header(const struct packed *packed, const struct header *header,
			struct hadal_error *error)
{
	if (header->block_size < BLOCK_MIN || header->block_size > PACKED_BLOCK_MAX ||
	    header->block_size & (header->block_size - 1))
		return packed_damaged(packed, offsetof(struct header, block_size),
				      "there is no sound size of blocks", error);
	if (strncmp(header->names[4], "x86_64", sizeof(header->names[4])))
		return hadal_fail(error, EINVAL, "%s is the dump of a machine other than x86-64",
				  packed->path);
	return 0;
}

/* Makes what find needs, of headers that make sense. */
static int read_pages(struct packed *packed, const struct header *header, uint64_t pages,
		      struct hadal_error *error)
{
	uint64_t block = header->block_size, map = (1ull + header->sub_blocks) * block;
	uint64_t map_bytes = header->map_blocks * block / 2, number = 0;
	struct format *format = calloc(1, sizeof(*format));
	int result;

	if (!format)
		return hadal_fail(error, ENOMEM, "Out of memory");
	packed->format = format;
	format->page = block;
	format->descriptors = map + header->map_blocks * block;
	if (format->descriptors > packed->size || (pages + 7) / 8 > map_bytes)
		return packed_damaged(packed, offsetof(struct header, map_blocks),
				      "its maps do not fit", error);
	result = read_map(packed, map + map_bytes, pages, &number, error);
	format = packed->format;
	if (!result && number > (packed->size - format->descriptors) / sizeof(struct descriptor))
		result = packed_damaged(packed, format->descriptors,
					"there are fewer pages than its map has", error);
	return result;
}

int packed_open_kdump(struct packed *packed, struct hadal_error *error)
{
	struct header header;
	struct sub_header sub;
	int result;

	packed->find = find;
	if (!packed_read_file(packed, 0, &header, sizeof(header)))
		return packed_damaged(packed, 0, "its header ends", error);
	result = check_header(packed, &header, error);
	if (result)
		return result;
	if (!packed_read_file(packed, header.block_size, &sub, sizeof(sub)))
		return packed_damaged(packed, header.block_size, "its second header ends", error);
	if (header.version >= 2 && sub.split)
		return hadal_fail(error, EINVAL,
				  "%s is one of several files of a dump; makedumpfile --reassemble "
				  "makes one of them",
				  packed->path);
	return read_pages(packed, &header, header.version >= 6 ? sub.pages : header.pages, error);
}
