/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_SCAN_H
#define HADAL_LIB_SEARCH_SCAN_H

#include "search/area.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much is looked at in one piece; fits into a processor's cache. */
#define HADAL_SCAN_BYTES (256u << 10)
/* The longest overlap that blocks may have. */
#define HADAL_OVERLAP_MAX (64u << 10)

/* Bytes that follow each other in an area. */
struct hadal_block {
	uint64_t address; /* of the first */
	const uint8_t *bytes;
	size_t len;
	size_t seen; /* so many at the beginning were in the block before already */
	bool ends;   /* nothing in the area follows the last byte; len may then be 0 */
};

/* Looks at the memory of an area, block by block. */
struct hadal_scanner {
	size_t overlap; /* bytes of a block that come again in the next one */
	/* Returns 0, or another value to end the scan. */
	int (*scan)(void *ctx, const struct hadal_block *block);
	/* How many bytes of the area have been looked at; may be NULL. */
	void (*progress)(void *ctx, uint64_t done);
	void *ctx;
	/*
	 * HADAL_SCAN_BYTES that the memory is copied to, so that what is looked at does not change
	 * meanwhile. The caller's, who may want to leave its pages out of the area.
	 */
	uint8_t *buffer;
};

/*
 * Scans all of an area in ascending order. What cannot be read ends a block, as a gap does.
 * Returns 0, 1 when scan ended it, or -ELOOP as hadal_area_walk.
 */
int hadal_scan(const struct hadal_area *area, const struct hadal_scanner *scanner);

#ifdef __cplusplus
}
#endif

#endif
