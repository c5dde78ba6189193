/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMMAP_SVG_H
#define HADAL_LIB_MEMMAP_SVG_H

#include <stdio.h>

#include "memmap/memmap.h"

/*
 * Draws the rows as a picture in SVG: one strip for each source that tells something, addresses
 * down the side, heights by the logarithm of the size, gaps as broken lines, and a legend. Kinds
 * differ by pattern too, so that it can be read where there are no colours. Returns 0 or -ENOMEM;
 * what becomes of the output is the caller's to check.
 */
int hadal_memmap_svg(FILE *out, const struct hadal_memmap *map, const struct hadal_memmap_row *rows,
		     size_t count, const char *title);

#endif
