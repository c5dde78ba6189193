// SPDX-License-Identifier: MIT
/* Texts in memory, as strings(1) finds them in files. */
#include "search/strings.h"

#include <string.h>

enum { ASCII, UTF16 };

static bool is_printable(uint8_t c)
{
	return (c >= ' ' && c < 0x7f) || c == '\t';
}

static int give(struct hadal_strings *strings, struct hadal_string_run *run)
{
	const struct hadal_string string = {
		.address = run->address,
		.text = run->text,
		.len = run->len,
		.utf16 = run != &strings->runs[ASCII],
	};

	run->text[run->len] = '\0';
	run->len = 0;
	return strings->visit(strings->ctx, &string);
}

static int end(struct hadal_strings *strings, struct hadal_string_run *run)
{
	bool enough = run->len && (run->continues || run->len >= strings->least);

	run->continues = false;
	if (enough)
		return give(strings, run);
	run->len = 0;
	return 0;
}

/* address: of the character's first byte. */
static int append(struct hadal_strings *strings, struct hadal_string_run *run, uint64_t address,
		  uint8_t c)
{
	if (!run->len)
		run->address = address;
	run->text[run->len++] = c;
	if (run->len < HADAL_STRING_MAX)
		return 0;
	run->continues = true;
	return give(strings, run);
}

static int take_ascii(struct hadal_strings *strings, uint64_t address, uint8_t c)
{
	struct hadal_string_run *run = &strings->runs[ASCII];

	if (is_printable(c))
		return append(strings, run, address, c);
	return run->len || run->continues ? end(strings, run) : 0;
}

/* A byte is the first of a character at one parity, and the second at the other. */
static int take_utf16(struct hadal_strings *strings, uint64_t address, uint8_t c)
{
	struct hadal_string_run *second = &strings->runs[UTF16 + !(address & 1)];

	strings->runs[UTF16 + (address & 1)].low = c;
	if (!c && is_printable(second->low))
		return append(strings, second, address - 1, second->low);
	return end(strings, second);
}

/* Most memory is zeros, which end every string after two bytes. */
static size_t zeros(const struct hadal_strings *strings, const uint8_t *bytes, size_t len)
{
	size_t count = 0;
	uint64_t word;

	for (int i = 0; i < 3; i++)
		if (strings->runs[i].len || strings->runs[i].continues ||
		    is_printable(strings->runs[i].low))
			return 0;
	for (; count + sizeof(word) <= len; count += sizeof(word)) {
		memcpy(&word, bytes + count, sizeof(word));
		if (word)
			break;
	}
	return count;
}

static int end_all(struct hadal_strings *strings)
{
	int result = 0;

	for (int i = 0; i < 3; i++) {
		strings->runs[i].low = 0;
		if (!result)
			result = end(strings, &strings->runs[i]);
	}
	return result;
}

static int take(struct hadal_strings *strings, uint64_t address, uint8_t c)
{
	int result = strings->ascii ? take_ascii(strings, address, c) : 0;

	return strings->utf16 && !result ? take_utf16(strings, address, c) : result;
}

int hadal_strings_scan(struct hadal_strings *strings, const struct hadal_block *block)
{
	int result = 0;

	for (size_t i = 0; !result && i < block->len; i++) {
		if (!block->bytes[i])
			i += zeros(strings, block->bytes + i, block->len - i);
		if (i < block->len)
			result = take(strings, block->address + i, block->bytes[i]);
	}
	return block->ends && !result ? end_all(strings) : result;
}
