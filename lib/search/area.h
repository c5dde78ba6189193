/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_AREA_H
#define HADAL_LIB_SEARCH_AREA_H

#include "memory/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ranges of physical memory, in ascending order without overlap. */
struct hadal_ranges {
	struct hadal_range *items;
	size_t count;
};

/* What there is at addresses of an area and cannot be looked through. */
struct hadal_unread {
	uint64_t pages;  /* of a program, that are not in memory: swapped out, or on their way */
	uint64_t tables; /* page tables that cannot be read */
	uint64_t bytes;  /* of RAM that cannot be read */
};

/* Memory to look through. */
struct hadal_area {
	struct hadal_memory *memory;
	struct hadal_space *space;         /* addresses are virtual in it; NULL: physical */
	uint64_t start, last;              /* the first and the last address */
	uint32_t rights;                   /* only pages with all these HADAL_STEP_* */
	const struct hadal_ranges *within; /* only this physical memory; NULL: all RAM */
	/*
	 * The machine's RAM, of an image that may lack some of it: what is mapped there and is not
	 * in the image is noted as missing; NULL: nothing is.
	 */
	const struct hadal_ranges *ram;
	struct hadal_unread *unread; /* counts what is not looked through; or NULL */
};

/* Part of an area that lies in one piece, both by its addresses and in physical memory. */
struct hadal_extent {
	uint64_t address; /* physical in a physical area */
	uint64_t physical;
	uint64_t size; /* bytes, not 0 */
};

/* Returns 0, or another value to end the walk; one above 0 if that is no error. */
typedef int (*hadal_extent_visit)(void *ctx, const struct hadal_extent *extent);

/*
 * Visits all extents of an area in ascending order of address: what is mapped, and RAM. Page
 * tables that are damaged or change meanwhile lead to other memory, and to nothing worse. Returns
 * 0, what visit ended the walk with, or -ELOOP when there are more page tables than RAM can hold.
 */
int hadal_area_walk(const struct hadal_area *area, hadal_extent_visit visit, void *ctx);

/* The bytes in all extents. */
uint64_t hadal_area_size(const struct hadal_area *area);

/* Reads memory at an address of the area. Returns bytes or a negative errno. */
ssize_t hadal_area_read(const struct hadal_area *area, uint64_t address, void *buf, size_t len);

/* The physical address of an address in the area. Returns 0 or as hadal_space_address. */
int hadal_area_physical(const struct hadal_area *area, uint64_t address, uint64_t *pa);

/*
 * The area's RAM without the physical memory that another area maps. Free it with
 * hadal_ranges_free. Returns 0, -ENOMEM or -ELOOP.
 */
int hadal_area_exclude(const struct hadal_area *area, const struct hadal_area *other,
		       struct hadal_ranges *rest);

/*
 * What a physical area has of the machine's RAM, which is known, and its memory does not have. Free
 * it with hadal_ranges_free in either case. Returns 0 or -ENOMEM.
 */
int hadal_area_absent(const struct hadal_area *area, struct hadal_ranges *absent);

void hadal_ranges_free(struct hadal_ranges *ranges);

#ifdef __cplusplus
}
#endif

#endif
