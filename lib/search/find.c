// SPDX-License-Identifier: MIT
/* Searching an area for a pattern or a regular expression. */
#include "search/find.h"

static int scan_pattern(void *ctx, const struct hadal_block *block)
{
	struct hadal_finder *finder = ctx;
	ssize_t at = -1;
	int result = 0;

	while (!result && (at = hadal_pattern_find(finder->pattern, block->bytes, block->len,
						   at + 1, block->address)) >= 0)
		result = finder->hit(finder->ctx, block->address + at, finder->pattern->len);
	return result;
}

/* All matches in a string that do not overlap; empty ones are none. */
static int match_string(void *ctx, const struct hadal_string *string)
{
	struct hadal_finder *finder = ctx;
	size_t at = 0;
	int result = 0;

	while (!result && at < string->len) {
		regmatch_t match = {.rm_so = at, .rm_eo = string->len};

		if (regexec(finder->regex, string->text, 1, &match,
			    REG_STARTEND | (at ? REG_NOTBOL : 0)))
			break;
		if (match.rm_eo > match.rm_so)
			result = finder->hit(finder->ctx, string->address + match.rm_so,
					     match.rm_eo - match.rm_so);
		at = match.rm_eo > match.rm_so ? match.rm_eo : match.rm_eo + 1;
	}
	return result;
}

static int scan_strings(void *ctx, const struct hadal_block *block)
{
	struct hadal_finder *finder = ctx;

	return hadal_strings_scan(&finder->strings, block);
}

static void progress(void *ctx, uint64_t done)
{
	struct hadal_finder *finder = ctx;

	if (finder->progress)
		finder->progress(finder->ctx, done);
}

int hadal_find(struct hadal_finder *finder, const struct hadal_area *area, uint8_t *buffer)
{
	const struct hadal_scanner scanner = {
		.overlap = finder->pattern ? finder->pattern->len - 1 : 0,
		.scan = finder->pattern ? scan_pattern : scan_strings,
		.progress = progress,
		.ctx = finder,
		.buffer = buffer,
	};

	finder->strings.least = 1;
	finder->strings.ascii = true;
	finder->strings.visit = match_string;
	finder->strings.ctx = finder;
	return hadal_scan(area, &scanner);
}
