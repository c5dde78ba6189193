/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMORY_FORMAT_H
#define HADAL_LIB_MEMORY_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* A format of files that Hadal does not read, and what turns such a file into one that it does. */
struct hadal_format {
	const char *magic;
	size_t magic_size; /* bytes, at the file's start */
	const char *what;  /* goes on after the file's name: "is ..." */
	const char *remedy;
};

/* How many bytes of a file's start are enough to tell. */
#define HADAL_FORMAT_BYTES 16u

/* The format of a file that begins with these bytes, or NULL when it is none of those known. */
const struct hadal_format *hadal_format_of(const uint8_t start[HADAL_FORMAT_BYTES]);

#endif
