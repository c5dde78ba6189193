/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_FIND_H
#define HADAL_LIB_SEARCH_FIND_H

#include <regex.h>

#include "search/pattern.h"
#include "search/strings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Called for each place found. Returns 0, or another value to end the search. */
typedef int (*hadal_hit)(void *ctx, uint64_t address, size_t len);

/* What to find: a pattern, or what a regular expression matches in a string. */
struct hadal_finder {
	const struct hadal_pattern *pattern; /* NULL: the regular expression */
	const regex_t *regex;
	hadal_hit hit;
	void *ctx;
	void (*progress)(void *ctx, uint64_t done); /* as in struct hadal_scanner */
	struct hadal_strings strings;
};

/*
 * Finds all places in an area, overlapping ones of a pattern too; a place across pages only when
 * they follow each other in the area. buffer: as in struct hadal_scanner. A string is looked at
 * in pieces of HADAL_STRING_MAX characters. Returns as hadal_scan.
 */
int hadal_find(struct hadal_finder *finder, const struct hadal_area *area, uint8_t *buffer);

#ifdef __cplusplus
}
#endif

#endif
