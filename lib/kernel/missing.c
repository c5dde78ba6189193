// SPDX-License-Identifier: MIT
/* What was needed of an image and is not in it. */
#include "kernel/missing.h"

#include <errno.h>
#include <inttypes.h>

#define FOUR_GIB (1ull << 32)
/* A machine with less RAM has all of it below the hole. */
#define HOLE_FROM (2ull << 30)

/*
 * Where the machine's RAM ends, as the kernel knows it; 0 when it cannot be told. The kernel lies
 * in one piece, so that no page table is needed, which may be among what is missing.
 */
static uint64_t end_of_ram(struct hadal_kernel *kernel)
{
	const struct hadal_location *where = &hadal_kernel_info(kernel)->where;
	struct hadal_memory *memory = hadal_page_cache_memory(hadal_kernel_space(kernel)->cache);
	struct hadal_lookup symbol = {.name = "max_pfn"};
	uint64_t frames;

	if (hadal_kernel_lookup(kernel, &symbol, 1, NULL) ||
	    hadal_memory_read_exact(memory, where->physical + (symbol.address - where->base),
				    &frames, sizeof(frames)) ||
	    frames > UINT64_MAX / HADAL_PAGE_SIZE)
		return 0;
	return frames * HADAL_PAGE_SIZE;
}

static bool is_raw(const struct hadal_memory *memory)
{
	return memory->is_image && memory->range_count == 1 && !memory->ranges[0].start;
}

/* RAM continues at 4 GiB, behind a hole that some tools leave out of raw images. */
int hadal_missing_hole(struct hadal_kernel *kernel, struct hadal_error *error)
{
	const struct hadal_memory *memory =
		hadal_page_cache_memory(hadal_kernel_space(kernel)->cache);
	uint64_t ram_end = end_of_ram(kernel), size;

	if (!is_raw(memory) || ram_end <= FOUR_GIB)
		return 0;
	size = memory->ranges[0].end;
	if (size >= ram_end || ram_end - size >= FOUR_GIB)
		return 0;
	return hadal_fail(error, ENODATA,
			  "The image is as long as if the hole below 4 GiB was left out of it: add "
			  ",hole=%#" PRIx64 "-0x100000000 to its name",
			  (uint64_t)FOUR_GIB - (ram_end - size));
}

const char *hadal_missing_hole_advice(const struct hadal_memory *memory)
{
	return is_raw(memory) && memory->ranges[0].end > HOLE_FROM
		       ? ". If the hole below 4 GiB is left out of this image, add "
			 ",hole=START-0x100000000 to its name, where START is the end of the RAM "
			 "below: 0xc0000000 on QEMU's pc, 0x80000000 on its q35"
		       : "";
}

int hadal_memory_missing(const struct hadal_memory *memory, struct hadal_error *error)
{
	const struct hadal_missing *missing = &memory->missing;

	if (!memory->is_image || !missing->reads)
		return 0;
	return hadal_fail(error, ENODATA,
			  "Physical memory %#" PRIx64 " to %#" PRIx64
			  " is not in this image, and %" PRIu64
			  " reads needed some of it: what was there is missing from the answer",
			  missing->first, missing->last, missing->reads);
}

int hadal_kernel_missing(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_memory *memory = hadal_page_cache_memory(hadal_kernel_space(kernel)->cache);
	const struct hadal_missing missing = memory->missing;
	struct hadal_error hole;

	if (!memory->is_image || !missing.reads)
		return 0;
	if (!hadal_missing_hole(kernel, &hole))
		return hadal_memory_missing(memory, error);
	return hadal_fail(error, ENODATA,
			  "Physical memory %#" PRIx64 " to %#" PRIx64
			  " is not in this image, and %" PRIu64 " reads needed some of it. %s",
			  missing.first, missing.last, missing.reads, hole.text);
}
