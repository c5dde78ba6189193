/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMORY_LIME_H
#define HADAL_LIB_MEMORY_LIME_H

#include <stdint.h>

/*
 * The header before each range of RAM in a LiME file, all little-endian; the last address is that
 * of the last byte.
 */
struct lime_header {
	uint32_t magic;
	uint32_t version;
	uint64_t first, last;
	uint64_t reserved;
};

#define LIME_MAGIC   0x4c694d45u
#define LIME_VERSION 1u

#endif
