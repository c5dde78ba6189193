/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_STRINGS_H
#define HADAL_LIB_SEARCH_STRINGS_H

#include "search/scan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longer strings come in pieces of so many characters. */
#define HADAL_STRING_MAX 4096u

/* Printable characters of ASCII and tabs that follow each other. */
struct hadal_string {
	uint64_t address;
	const char *text; /* terminated; until visit returns */
	size_t len;       /* characters */
	bool utf16;       /* each is two bytes in memory: UTF-16LE */
};

/* Returns 0, or another value to end the scan. */
typedef int (*hadal_string_visit)(void *ctx, const struct hadal_string *string);

struct hadal_string_run {
	uint64_t address;
	size_t len;
	bool continues; /* a piece before it has been given */
	uint8_t low;    /* UTF-16LE: the first byte of a character */
	char text[HADAL_STRING_MAX + 1];
};

/* Finds strings in blocks without overlap, which may end within one. */
struct hadal_strings {
	size_t least; /* characters; at least 1 */
	bool ascii, utf16;
	hadal_string_visit visit;
	void *ctx;
	struct hadal_string_run runs[3]; /* ASCII; UTF-16LE at even and at odd addresses */
};

/* For struct hadal_scanner; strings come in the order of their ends. */
int hadal_strings_scan(struct hadal_strings *strings, const struct hadal_block *block);

#ifdef __cplusplus
}
#endif

#endif
