/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_FIND_H
#define HADAL_LIB_KERNEL_FIND_H

#include "symbols/kallsyms.h"
#include "memory/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel image is linked and moved inside these addresses (x86-64 __START_KERNEL_map). */
#define HADAL_IMAGE_MIN   0xffffffff80000000ull
#define HADAL_IMAGE_MAX   0xffffffffc0000000ull
#define HADAL_IMAGE_ALIGN (2ull << 20)

/* Where the kernel's image is; virtual and physical addresses in bytes. */
struct hadal_location {
	uint64_t base;        /* virtual address of its first byte */
	uint64_t physical;    /* physical address of the same; the image is contiguous there */
	uint64_t rodata;      /* where its read-only data begins */
	uint64_t rodata_size; /* 0 when the page tables do not tell it apart */
	uint64_t root;        /* physical address of a page-table root that maps all of it */
	unsigned levels;      /* of that root: 4 or 5 */
};

/*
 * Finds the kernel from registers of a vCPU: page tables from CR3 (the kernel's root, not the
 * user's that CR3 holds under KPTI in user mode), the entry points that LSTAR and the IDT tell,
 * and the rights of the mapping around them. Returns 0, or -ENOENT when these do not lead to one.
 */
int hadal_find_by_traces(struct hadal_page_cache *cache, const struct hadal_traces *traces,
			 struct hadal_location *location);

/*
 * The same, but without its read-only data: rodata_size is 0. Costs less, and may take a root that
 * maps a part of the kernel only, so that what is found is to be checked.
 */
int hadal_find_base(struct hadal_page_cache *cache, const struct hadal_traces *traces,
		    struct hadal_location *location);

/* Finds the read-only data of a kernel whose base is known. Returns 0 or -ENOENT. */
int hadal_find_rodata(struct hadal_space *space, struct hadal_location *location);

/*
 * Finds the next "Linux version" banner as it lies in a kernel's read-only data, in RAM at *pa or
 * above, which moves to it. Reads all RAM up to there. Returns 0 or -ENOENT.
 */
int hadal_find_banner(struct hadal_memory *memory, uint64_t *pa);

#ifdef __cplusplus
}
#endif

#endif
