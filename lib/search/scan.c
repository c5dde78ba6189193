// SPDX-License-Identifier: MIT
/* Finding a pattern in bytes, wherever pieces of them end. */
#include "search/scan.h"

#include <string.h>

struct reader {
	const struct hadal_area *area;
	const struct hadal_scanner *scanner;
	uint64_t address; /* of the first byte in the buffer */
	size_t len;       /* bytes in the buffer */
	size_t seen;
	bool open; /* the last block was not said to be the end */
	uint64_t done;
};

static int give(struct reader *reader, bool ends)
{
	const struct hadal_scanner *scanner = reader->scanner;
	const struct hadal_block block = {
		.address = reader->address,
		.bytes = scanner->buffer,
		.len = reader->len,
		.seen = reader->seen,
		.ends = ends,
	};
	size_t keep = ends ? 0 : scanner->overlap;

	if (keep > reader->len)
		keep = reader->len;
	if (scanner->progress)
		scanner->progress(scanner->ctx, reader->done);
	if (scanner->scan(scanner->ctx, &block))
		return 1;
	memmove(scanner->buffer, scanner->buffer + reader->len - keep, keep);
	reader->address += reader->len - keep;
	reader->len = reader->seen = keep;
	reader->open = !ends;
	return 0;
}

/* Ends the bytes so far when what comes next does not follow them. */
static int begin(struct reader *reader, uint64_t address)
{
	if (reader->open && reader->address + reader->len == address)
		return 0;
	if (reader->open && give(reader, true))
		return 1;
	reader->address = address;
	reader->len = reader->seen = 0;
	reader->open = true;
	return 0;
}

static int read_extent(void *ctx, const struct hadal_extent *extent)
{
	struct reader *reader = ctx;
	uint64_t done = 0;

	while (done < extent->size) {
		uint64_t left = extent->size - done;
		size_t room, wanted;
		ssize_t got;

		if (begin(reader, extent->address + done))
			return 1;
		room = HADAL_SCAN_BYTES - reader->len;
		wanted = left < room ? left : room;
		got = hadal_memory_read(reader->area->memory, extent->physical + done,
					reader->scanner->buffer + reader->len, wanted);
		if (got <= 0) { /* passes over the page */
			uint64_t page =
				HADAL_PAGE_SIZE - (extent->physical + done) % HADAL_PAGE_SIZE;

			done += page;
			page = page < left ? page : left;
			reader->done += page;
			if (reader->area->unread)
				reader->area->unread->bytes += page;
			continue;
		}
		reader->len += got;
		reader->done += got;
		done += got;
		if (reader->len == HADAL_SCAN_BYTES && give(reader, false))
			return 1;
	}
	return 0;
}

int hadal_scan(const struct hadal_area *area, const struct hadal_scanner *scanner)
{
	struct reader reader = {.area = area, .scanner = scanner};
	int result = hadal_area_walk(area, read_extent, &reader);

	if (result <= 0 && reader.open && give(&reader, true))
		return 1;
	return result;
}
