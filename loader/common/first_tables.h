/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What every loader does: look at the image's header, and build the first page tables that
 * hadal/boot.h describes. Compiled into each loader, with its own way to pages.
 */
#ifndef HADAL_LOADER_FIRST_TABLES_H
#define HADAL_LOADER_FIRST_TABLES_H

#ifndef __KERNEL__
#include <stdbool.h>
#endif
#include <hadal/boot.h>

/* Whether a file of so many bytes is an image of this version, sound as far as it tells itself. */
bool image_is_sound(const struct hadal_image_header *header, uint64_t bytes);

struct first_tables {
	uint64_t root;       /* physical address of the top-level table */
	unsigned int levels; /* 4 or 5, as CR4.LA57 says; set by the loader */
	/* A page of zeros, or NULL; the loader frees them. */
	uint64_t *(*new_table)(struct first_tables *tables, uint64_t *physical);
	/* Where the loader has such a page. */
	uint64_t *(*at)(uint64_t physical);
};

/* boot has all but root; image_bytes: memory_bytes of the header. False when out of memory. */
bool first_tables_build(struct first_tables *tables, const struct hadal_boot *boot,
			uint64_t boot_physical, uint64_t image_bytes);

#endif
