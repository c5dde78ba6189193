/* SPDX-License-Identifier: MIT */
/* Files that have memory in compressed blocks: what their formats share. */
#ifndef HADAL_LIB_MEMORY_PACKED_H
#define HADAL_LIB_MEMORY_PACKED_H

#include "memory/memory.h"

/* Bytes of memory in a block, at most, and of a block in the file. */
#define PACKED_BLOCK_MAX  (64u << 10)
#define PACKED_STORED_MAX (2 * PACKED_BLOCK_MAX)

enum packing { PACKED_NOT, PACKED_ZLIB, PACKED_LZO, PACKED_SNAPPY, PACKED_ZSTD };

struct packed_block {
	uint64_t start;  /* its physical address */
	uint64_t offset; /* in the file */
	uint32_t length; /* bytes of memory */
	uint32_t size;   /* bytes in the file */
	enum packing packing;
	bool has_check;
	uint32_t check; /* masked CRC-32C of the memory, as Snappy's frames have it */
};

struct packed_cache;

struct packed {
	int fd;
	const char *path; /* while it is opened */
	uint64_t size;    /* of the file, bytes */
	/* Made by the format: RAM in ascending order. */
	struct hadal_range *ranges;
	size_t count, room;
	/*
	 * Tells the block with pa, which is in the range with that number. Returns 0, or a negative
	 * errno when the file lacks it.
	 */
	int (*find)(const struct packed *packed, size_t range, uint64_t pa,
		    struct packed_block *block);
	void *format; /* the format's own; freed as one */
	struct packed_cache *cache;
};

/* Appends a range, or makes the last one longer. Returns 0, -EINVAL (out of order), -ENOMEM. */
int packed_add_range(struct packed *packed, uint64_t start, uint64_t end);

/* Reads from the file. Returns false when it ends before. */
bool packed_read_file(const struct packed *packed, uint64_t offset, void *buffer, size_t size);

/* Fails because of what the file has at an offset. */
int packed_damaged(const struct packed *packed, uint64_t offset, const char *what,
		   struct hadal_error *error);

/* Each fills ranges, find and format. Returns 0 or a negative errno with a sentence in error. */
int packed_open_avml(struct packed *packed, struct hadal_error *error);
int packed_open_kdump(struct packed *packed, struct hadal_error *error);

/*
 * Opens such a file as memory, if it is one; *is_packed says. fd is then the memory's. Returns 0 or
 * a negative errno with a sentence in error.
 */
int packed_open(int fd, const char *path, uint64_t size, const uint8_t magic[8], bool *is_packed,
		struct hadal_memory *memory, struct hadal_error *error);

#endif
