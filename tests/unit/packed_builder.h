/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_PACKED_BUILDER_H
#define HADAL_TESTS_PACKED_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "memory/packed.h"

/* Made-up files with compressed memory of a machine with two ranges of RAM. */
#define PACKED_RAM        0x60000u
#define PACKED_LOW_START  0x1000u
#define PACKED_LOW_END    0x5000u
#define PACKED_HIGH_START 0x10000u
/* A record of AVML's has no more, here; 16 MiB in its own files. What is zeros has none. */
#define PACKED_RECORD 0x20000u
/* A page in the middle that kdump's file lacks. */
#define PACKED_LEFT_OUT 0x20000u

struct packed_file {
	uint8_t *bytes; /* the caller frees them */
	size_t size;
};

/* Where kdump's file has its parts, bytes. */
#define PACKED_KDUMP_MAP         (2 * 4096u)
#define PACKED_KDUMP_DESCRIPTORS (4 * 4096u)

/* Fills RAM with bytes that are compressed well in part. */
void packed_fill(uint8_t ram[PACKED_RAM]);
/* packing: PACKED_SNAPPY as AVML writes it, or PACKED_NOT for frames that are all stored. */
struct packed_file packed_avml(const uint8_t ram[PACKED_RAM], enum packing packing);
/* packing: of those pages that it makes smaller. */
struct packed_file packed_kdump(const uint8_t ram[PACKED_RAM], enum packing packing);

#endif
