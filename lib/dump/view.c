// SPDX-License-Identifier: MIT
/* Physical memory as the file that other tools expect, made while it is read. */
#include "dump/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/lime.h"

#define PAGE_BYTES 4096u

struct piece {
	uint64_t offset, size;
	uint8_t *bytes;    /* NULL: memory */
	uint64_t physical; /* of memory */
};

struct hadal_view {
	struct hadal_memory *memory;
	uint64_t size;
	uint64_t unreadable;
	size_t count, room;
	struct piece pieces[];
};

struct hadal_view *hadal_view_new(struct hadal_memory *memory, size_t pieces)
{
	struct hadal_view *view = calloc(1, sizeof(*view) + pieces * sizeof(view->pieces[0]));

	if (!view)
		return NULL;
	view->memory = memory;
	view->room = pieces;
	return view;
}

void hadal_view_free(struct hadal_view *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->count; i++)
		free(view->pieces[i].bytes);
	free(view);
}

static void add(struct hadal_view *view, const struct piece *piece)
{
	if (view->count == view->room || piece->offset < view->size)
		abort(); /* a mistake of the caller's, whatever the machine's memory is like */
	view->pieces[view->count++] = *piece;
	view->size = piece->offset + piece->size;
}

int hadal_view_add_bytes(struct hadal_view *view, uint64_t offset, const void *bytes, size_t len)
{
	struct piece piece = {.offset = offset, .size = len, .bytes = malloc(len)};

	if (!piece.bytes)
		return -ENOMEM;
	memcpy(piece.bytes, bytes, len);
	add(view, &piece);
	return 0;
}

void hadal_view_add_memory(struct hadal_view *view, uint64_t offset, uint64_t physical,
			   uint64_t size)
{
	add(view, &(struct piece){.offset = offset, .size = size, .physical = physical});
}

uint64_t hadal_view_size(const struct hadal_view *view)
{
	return view->size;
}

uint64_t hadal_view_unreadable(const struct hadal_view *view)
{
	return __atomic_load_n(&view->unreadable, __ATOMIC_RELAXED);
}

/* The first piece that ends above offset; there is one, for offset is below the size. */
static const struct piece *piece_at(const struct hadal_view *view, uint64_t offset)
{
	size_t low = 0, high = view->count - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (offset < view->pieces[middle].offset + view->pieces[middle].size)
			high = middle;
		else
			low = middle + 1;
	}
	return &view->pieces[low];
}

/* Reads all it can; what cannot be read becomes zeros, page by page. */
static void read_memory(struct hadal_view *view, uint64_t physical, uint8_t *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got =
			hadal_memory_read(view->memory, physical + done, buf + done, len - done);
		size_t page = PAGE_BYTES - (physical + done) % PAGE_BYTES;

		if (got > 0) {
			done += got;
			continue;
		}
		if (page > len - done)
			page = len - done;
		memset(buf + done, 0, page);
		done += page;
		if (got != -EACCES) /* the hypervisor's own */
			__atomic_fetch_add(&view->unreadable, page, __ATOMIC_RELAXED);
	}
}

/* In a source that has its memory mapped, nothing is copied. */
static const void *mapped(const struct hadal_view *view, uint64_t physical, uint64_t *len)
{
	const struct hadal_memory *memory = view->memory;
	uint64_t follow;
	const void *at = memory->at ? memory->at(memory->ctx, physical, &follow) : NULL;

	if (at && *len > follow)
		*len = follow;
	return at;
}

const void *hadal_view_next(struct hadal_view *view, uint64_t offset, void *buf, uint64_t *len)
{
	const struct piece *piece = piece_at(view, offset);
	uint64_t within = offset - piece->offset;
	const void *at;

	if (offset < piece->offset) {
		if (*len > piece->offset - offset)
			*len = piece->offset - offset;
		return NULL;
	}
	if (*len > piece->size - within)
		*len = piece->size - within;
	if (piece->bytes)
		return piece->bytes + within;
	at = mapped(view, piece->physical + within, len);
	if (at)
		return at;
	read_memory(view, piece->physical + within, buf, *len);
	return buf;
}

size_t hadal_view_read(struct hadal_view *view, uint64_t offset, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t done = 0;

	if (offset >= view->size)
		return 0;
	if (len > view->size - offset)
		len = view->size - offset;
	while (done < len) {
		uint64_t part = len - done;
		const void *from = hadal_view_next(view, offset + done, to + done, &part);

		if (!from)
			memset(to + done, 0, part);
		else if (from != to + done)
			memcpy(to + done, from, part);
		done += part;
	}
	return len;
}

uint64_t hadal_view_seek(const struct hadal_view *view, uint64_t offset, bool hole)
{
	while (offset < view->size) {
		const struct piece *piece = piece_at(view, offset);

		if (hole == (offset < piece->offset))
			return offset;
		offset = hole ? piece->offset + piece->size : piece->offset;
	}
	return view->size;
}

int hadal_view_raw(struct hadal_memory *memory, struct hadal_view **view)
{
	*view = hadal_view_new(memory, memory->range_count);
	if (!*view)
		return -ENOMEM;
	for (size_t i = 0; i < memory->range_count; i++)
		hadal_view_add_memory(*view, memory->ranges[i].start, memory->ranges[i].start,
				      memory->ranges[i].end - memory->ranges[i].start);
	return 0;
}

int hadal_view_lime(struct hadal_memory *memory, struct hadal_view **view)
{
	uint64_t offset = 0;

	*view = hadal_view_new(memory, 2 * memory->range_count);
	if (!*view)
		return -ENOMEM;
	for (size_t i = 0; i < memory->range_count; i++) {
		const struct hadal_range *range = &memory->ranges[i];
		const struct lime_header header = {
			.magic = LIME_MAGIC,
			.version = LIME_VERSION,
			.first = range->start,
			.last = range->end - 1,
		};

		if (hadal_view_add_bytes(*view, offset, &header, sizeof(header))) {
			hadal_view_free(*view);
			return -ENOMEM;
		}
		offset += sizeof(header);
		hadal_view_add_memory(*view, offset, range->start, range->end - range->start);
		offset += range->end - range->start;
	}
	return 0;
}
