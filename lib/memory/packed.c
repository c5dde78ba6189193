// SPDX-License-Identifier: MIT
/* Memory that lies in a file in compressed blocks: reads them one by one, and keeps the last. */
#include "memory/packed.h"

#include <errno.h>
#include <lzo/lzo1x.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

/* Blocks that are kept as they are in memory. */
#define KEPT 64
/* More ranges than a file has that can be worked with: 64 MiB of them. */
#define RANGES_MAX (4u << 20)
/* CRC-32C, its bits the other way round, and what Snappy adds to it. */
#define CRC_POLYNOMIAL 0x82f63b78u
#define CRC_MASK       0xa282ead8u

/* Readers of several threads share the blocks. */
struct packed_cache {
	pthread_mutex_t lock;
	uint32_t crc[256];
	uint8_t stored[PACKED_STORED_MAX];
	struct kept {
		uint64_t start;
		uint32_t length; /* 0: nothing is here */
		uint8_t *bytes;
	} kept[KEPT];
};

int packed_add_range(struct packed *packed, uint64_t start, uint64_t end)
{
	struct hadal_range *last = packed->count ? &packed->ranges[packed->count - 1] : NULL;

	if (start >= end || (last && start < last->end))
		return -EINVAL;
	if (last && start == last->end) {
		last->end = end;
		return 0;
	}
	if (packed->count == packed->room) {
		size_t room = packed->room ? 2 * packed->room : 64;
		struct hadal_range *grown =
			room > RANGES_MAX ? NULL : realloc(packed->ranges, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		packed->ranges = grown;
		packed->room = room;
	}
	packed->ranges[packed->count++] = (struct hadal_range){start, end};
	return 0;
}

bool packed_read_file(const struct packed *packed, uint64_t offset, void *buffer, size_t size)
{
	return offset <= packed->size && size <= packed->size - offset &&
	       pread(packed->fd, buffer, size, offset) == (ssize_t)size;
}

int packed_damaged(const struct packed *packed, uint64_t offset, const char *what,
		   struct hadal_error *error)
{
	return hadal_fail(error, EINVAL, "%s is cut short or damaged: %s at byte %#llx",
			  packed->path, what, (unsigned long long)offset);
}

static struct packed_cache *new_cache(void)
{
	struct packed_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	pthread_mutex_init(&cache->lock, NULL);
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t value = i;

		for (int bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? CRC_POLYNOMIAL : 0);
		cache->crc[i] = value;
	}
	return cache;
}

static bool check_fits(const struct packed_cache *cache, const struct packed_block *block,
		       const uint8_t *bytes)
{
	uint32_t crc = ~0u;

	if (!block->has_check)
		return true;
	for (uint32_t i = 0; i < block->length; i++)
		crc = crc >> 8 ^ cache->crc[(crc ^ bytes[i]) & 0xff];
	crc = ~crc;
	return (crc >> 15 | crc << 17) + CRC_MASK == block->check;
}

/* Unpacks what was read to bytes. Returns false when it is damaged. */
static bool unpack(const uint8_t *stored, const struct packed_block *block, uint8_t *bytes)
{
	uLongf zlib_length = block->length;
	lzo_uint lzo_length = block->length;
	size_t length = block->length;

	switch (block->packing) {
	case PACKED_ZLIB:
		return uncompress(bytes, &zlib_length, stored, block->size) == Z_OK &&
		       zlib_length == block->length;
	case PACKED_LZO:
		return lzo1x_decompress_safe(stored, block->size, bytes, &lzo_length, NULL) ==
			       LZO_E_OK &&
		       lzo_length == block->length;
	case PACKED_SNAPPY:
		return snappy_uncompress((const char *)stored, block->size, (char *)bytes,
					 &length) == SNAPPY_OK &&
		       length == block->length;
	case PACKED_ZSTD:
		return ZSTD_decompress(bytes, length, stored, block->size) == length;
	default:
		memcpy(bytes, stored, length);
		return block->size == block->length;
	}
}

/* The block as it is in memory, or NULL. */
static const uint8_t *load(const struct packed *packed, const struct packed_block *block)
{
	struct packed_cache *cache = packed->cache;
	struct kept *kept = &cache->kept[block->start / block->length % KEPT];

	if (kept->length == block->length && kept->start == block->start)
		return kept->bytes;
	kept->length = 0;
	if (block->size > sizeof(cache->stored) || block->length > PACKED_BLOCK_MAX)
		return NULL;
	if (!kept->bytes)
		kept->bytes = malloc(PACKED_BLOCK_MAX);
	if (!kept->bytes || !packed_read_file(packed, block->offset, cache->stored, block->size) ||
	    !unpack(cache->stored, block, kept->bytes) || !check_fits(cache, block, kept->bytes))
		return NULL;
	kept->start = block->start;
	kept->length = block->length;
	return kept->bytes;
}

static const struct hadal_range *range_of(const struct packed *packed, uint64_t pa)
{
	size_t low = 0, high = packed->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (pa >= packed->ranges[middle].end)
			low = middle + 1;
		else
			high = middle;
	}
	return low < packed->count && pa >= packed->ranges[low].start ? &packed->ranges[low] : NULL;
}

/* Reads to the end of the block at most. */
static ssize_t packed_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct packed *packed = ctx;
	const struct hadal_range *range = range_of(packed, pa);
	struct packed_block block;
	const uint8_t *bytes;

	if (!range || packed->find(packed, range - packed->ranges, pa, &block))
		return -EFAULT;
	if (len > block.length - (pa - block.start))
		len = block.length - (pa - block.start);
	pthread_mutex_lock(&packed->cache->lock);
	bytes = load(packed, &block);
	if (bytes)
		memcpy(buf, bytes + (pa - block.start), len);
	pthread_mutex_unlock(&packed->cache->lock);
	return bytes ? (ssize_t)len : -EFAULT;
}

static void packed_free(struct packed *packed)
{
	for (size_t i = 0; packed->cache && i < KEPT; i++)
		free(packed->cache->kept[i].bytes);
	free(packed->cache);
	free(packed->format);
	free(packed->ranges);
	free(packed);
}

static void packed_close(void *ctx)
{
	close(((struct packed *)ctx)->fd);
	packed_free(ctx);
}

int packed_open(int fd, const char *path, uint64_t size, const uint8_t magic[8], bool *is_packed,
		struct hadal_memory *memory, struct hadal_error *error)
{
	bool avml = !memcmp(magic, "AVML", 4), kdump = !memcmp(magic, "KDUMP   ", 8);
	struct packed *packed;
	int result;

	*is_packed = avml || kdump;
	if (!*is_packed)
		return 0;
	packed = calloc(1, sizeof(*packed));
	if (!packed)
		return hadal_fail(error, ENOMEM, "Out of memory");
	*packed = (struct packed){.fd = fd, .path = path, .size = size, .cache = new_cache()};
	if (!packed->cache || lzo_init() != LZO_E_OK)
		result = hadal_fail(error, ENOMEM, "Out of memory");
	else
		result = avml ? packed_open_avml(packed, error) : packed_open_kdump(packed, error);
	if (!result && !packed->count)
		result = hadal_fail(error, EINVAL, "%s has no memory in it", path);
	if (result) {
		packed_free(packed);
		return result;
	}
	packed->path = NULL;
	*memory = (struct hadal_memory){
		.read = packed_read,
		.close = packed_close,
		.ctx = packed,
		.ranges = packed->ranges,
		.range_count = packed->count,
		.is_image = true,
	};
	return 0;
}
