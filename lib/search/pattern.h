/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_PATTERN_H
#define HADAL_LIB_SEARCH_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The longest pattern, bytes. */
#define HADAL_PATTERN_MAX 4096u

/* Bytes to find; of each only the bits in its mask count. */
struct hadal_pattern {
	uint8_t bytes[HADAL_PATTERN_MAX];
	uint8_t mask[HADAL_PATTERN_MAX];
	size_t len;
	size_t align; /* found only at multiples of it */
	/* The bytes that are looked for first: all their bits count. */
	size_t anchor, anchor_len;
};

/*
 * Make patterns; they return 0, or -EINVAL with a sentence in error.
 * Hexadecimal digits in pairs, with white space between pairs allowed; ? stands for any digit.
 */
int hadal_pattern_hex(struct hadal_pattern *pattern, const char *text, struct hadal_error *error);

/* The text itself, or in UTF-16LE; ignore_case: of the letters A to Z. */
int hadal_pattern_text(struct hadal_pattern *pattern, const char *text, bool ignore_case,
		       struct hadal_error *error);
int hadal_pattern_utf16(struct hadal_pattern *pattern, const char *text, bool ignore_case,
			struct hadal_error *error);

/* A number of 4 or 8 bytes, at multiples of these. */
int hadal_pattern_number(struct hadal_pattern *pattern, uint64_t value, size_t bytes,
			 struct hadal_error *error);

/*
 * Where the pattern lies first in len bytes, from offset from on; the first byte is at address.
 * Returns the offset, or -1 when it does not.
 */
ssize_t hadal_pattern_find(const struct hadal_pattern *pattern, const uint8_t *bytes, size_t len,
			   size_t from, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
