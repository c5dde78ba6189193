// SPDX-License-Identifier: MIT
/* What to look for: bytes with wildcards, numbers, texts. */
#include "search/pattern.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static int too_long(struct hadal_error *error)
{
	return hadal_fail(error, EINVAL, "Expected a pattern of at most %u bytes",
			  HADAL_PATTERN_MAX);
}

static int append(struct hadal_pattern *pattern, uint8_t byte, uint8_t mask)
{
	if (pattern->len == HADAL_PATTERN_MAX)
		return -EINVAL;
	pattern->bytes[pattern->len] = byte & mask;
	pattern->mask[pattern->len++] = mask;
	return 0;
}

/* Chooses the bytes to look for first: the run with the most that are not zeros, as most are. */
static void choose_anchor(struct hadal_pattern *pattern)
{
	size_t best = 0;

	for (size_t start = 0, end; start < pattern->len; start = end + 1) {
		size_t score = 0;

		for (end = start; end < pattern->len && pattern->mask[end] == 0xff; end++)
			score += pattern->bytes[end] ? 16 : 1;
		if (score <= best)
			continue;
		best = score;
		pattern->anchor = start;
		pattern->anchor_len = end - start;
	}
}

static int finish(struct hadal_pattern *pattern, struct hadal_error *error)
{
	bool known = false;

	for (size_t i = 0; i < pattern->len; i++)
		known |= pattern->mask[i];
	if (!known)
		return hadal_fail(error, EINVAL,
				  "Expected a pattern with at least one byte that is not ??");
	if (!pattern->align)
		pattern->align = 1;
	choose_anchor(pattern);
	return 0;
}

/* The value of a digit and which of its bits count. */
static bool parse_digit(char c, uint8_t *value, uint8_t *mask)
{
	*mask = c == '?' ? 0 : 0xf;
	*value = isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
	return c == '?' || isxdigit((unsigned char)c);
}

int hadal_pattern_hex(struct hadal_pattern *pattern, const char *text, struct hadal_error *error)
{
	*pattern = (struct hadal_pattern){0};
	while (*text) {
		uint8_t high, low, high_mask, low_mask;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		if (!parse_digit(text[0], &high, &high_mask) ||
		    !parse_digit(text[1], &low, &low_mask))
			return hadal_fail(error, EINVAL,
					  "Expected pairs of hexadecimal digits or ?, such as "
					  "'de ad ?? ef', at '%.40s'",
					  text);
		if (append(pattern, (high & high_mask) << 4 | (low & low_mask),
			   high_mask << 4 | low_mask))
			return too_long(error);
		text += 2;
	}
	return finish(pattern, error);
}

/* Capital and small letters of ASCII differ in one bit. */
static uint8_t letter_mask(uint8_t c, bool ignore_case)
{
	return ignore_case && c < 0x80 && isalpha(c) ? 0xdf : 0xff;
}

int hadal_pattern_text(struct hadal_pattern *pattern, const char *text, bool ignore_case,
		       struct hadal_error *error)
{
	*pattern = (struct hadal_pattern){0};
	for (; *text; text++)
		if (append(pattern, *text, letter_mask(*text, ignore_case)))
			return too_long(error);
	return finish(pattern, error);
}

/* The next character of UTF-8, or a negative value when there is none. */
static int32_t next_character(const char **text)
{
	const uint8_t *at = (const uint8_t *)*text;
	unsigned more = *at < 0x80 ? 0 : *at < 0xc2 ? 4 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
	int32_t c = more ? *at & (0x3f >> more) : *at;

	if (more == 4 || *at > 0xf4)
		return -1;
	for (unsigned i = 1; i <= more; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (at[i] & 0x3f);
	}
	if ((more == 2 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (more == 3 && (c < 0x10000 || c > 0x10ffff)))
		return -1;
	*text += more + 1;
	return c;
}

static int append_unit(struct hadal_pattern *pattern, uint16_t unit, bool ignore_case)
{
	uint8_t mask = unit < 0x80 ? letter_mask(unit, ignore_case) : 0xff;
	int error = append(pattern, unit & 0xff, mask);

	return error ? error : append(pattern, unit >> 8, 0xff);
}

int hadal_pattern_utf16(struct hadal_pattern *pattern, const char *text, bool ignore_case,
			struct hadal_error *error)
{
	*pattern = (struct hadal_pattern){0};
	while (*text) {
		int32_t c = next_character(&text);
		int code = 0;

		if (c < 0)
			return hadal_fail(error, EINVAL, "Expected text in UTF-8");
		if (c >= 0x10000) {
			code = append_unit(pattern, 0xd800 + ((c - 0x10000) >> 10), false);
			c = 0xdc00 + (c & 0x3ff);
		}
		if (code || append_unit(pattern, c, ignore_case))
			return too_long(error);
	}
	return finish(pattern, error);
}

int hadal_pattern_number(struct hadal_pattern *pattern, uint64_t value, size_t bytes,
			 struct hadal_error *error)
{
	*pattern = (struct hadal_pattern){.align = bytes};
	if (bytes < sizeof(value) && value >> (8 * bytes))
		return hadal_fail(error, EINVAL, "Expected a number of at most %zu bytes", bytes);
	for (size_t i = 0; i < bytes; i++)
		append(pattern, value >> (8 * i), 0xff);
	return finish(pattern, error);
}

static bool matches(const struct hadal_pattern *pattern, const uint8_t *at)
{
	for (size_t i = 0; i < pattern->len; i++)
		if ((at[i] & pattern->mask[i]) != pattern->bytes[i])
			return false;
	return true;
}

/* end: behind the last place where it may begin. */
static ssize_t find_by_anchor(const struct hadal_pattern *pattern, const uint8_t *bytes, size_t end,
			      size_t from)
{
	const uint8_t *anchor = pattern->bytes + pattern->anchor;

	/* Where it repeats, as in zeros. */
	if (from < end && matches(pattern, bytes + from))
		return from;
	while (from < end) {
		const uint8_t *at =
			memmem(bytes + from + pattern->anchor, end - from + pattern->anchor_len - 1,
			       anchor, pattern->anchor_len);

		if (!at)
			return -1;
		from = at - bytes - pattern->anchor;
		if (matches(pattern, bytes + from))
			return from;
		from++;
	}
	return -1;
}

ssize_t hadal_pattern_find(const struct hadal_pattern *pattern, const uint8_t *bytes, size_t len,
			   size_t from, uint64_t address)
{
	size_t end = len < pattern->len ? 0 : len - pattern->len + 1;

	if (pattern->anchor_len && pattern->align == 1)
		return find_by_anchor(pattern, bytes, end, from);
	from += -(address + from) % pattern->align;
	for (; from < end; from += pattern->align)
		if (matches(pattern, bytes + from))
			return from;
	return -1;
}
