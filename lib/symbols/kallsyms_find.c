// SPDX-License-Identifier: MIT
/*
 * Finds the kallsyms tables by their structure. All kernels known keep names, markers and tokens in
 * this order; what comes between and around them differs:
 *
 *   5.10 - 6.1  offsets, relative_base, num_syms, names, markers, token_table, token_index
 *   6.2 - 6.3   offsets, relative_base, num_syms, names, markers, seqs, token_table, token_index
 *   6.4 -       num_syms, names, markers, token_table, token_index, offsets, relative_base, seqs
 *   7.x         the same without relative_base: each offset counts from its own place
 *
 * Each table is aligned to 8 bytes, to 4 in 7.x. The tokens give the place, since every digit
 * occurs in some symbol and therefore stands for itself; from there the others are reached
 * backwards.
 */
#include "symbols/kallsyms_tables.h"

/* The kernel image is linked and moved inside these addresses (x86-64 __START_KERNEL_map). */
#define IMAGE_MIN 0xffffffff80000000ull
#define IMAGE_MAX 0xffffffffc0000000ull

#define MAX_NAME_BYTES   (512 + 2)
#define MAX_MARKER_STEP  (KALLSYMS_MARKER_EVERY * MAX_NAME_BYTES)
#define MIN_MARKER_STEP  (KALLSYMS_MARKER_EVERY * 2)
#define SEQ_BYTES        3
#define MAX_SEQS         (8u << 20)
#define FIRST_DIGIT      '0'
#define TOKEN_INDEX_SIZE (KALLSYMS_TOKENS * sizeof(uint16_t))

static size_t align_up(const struct kallsyms_tables *tables, size_t value)
{
	return (value + tables->alignment - 1) & ~(tables->alignment - 1);
}

/* Does the index at token_index describe exactly the strings from token_table to end? */
static bool index_matches(const struct kallsyms_tables *tables, size_t end)
{
	size_t at = tables->token_table;

	for (size_t i = 0; i < KALLSYMS_TOKENS; i++) {
		const uint8_t *nul;

		if (kallsyms_u16(tables->data, tables->token_index + 2 * i) !=
		    at - tables->token_table)
			return false;
		nul = memchr(tables->data + at, '\0', end - at);
		if (!nul)
			return false;
		at = nul - tables->data + 1;
	}
	return at == end;
}

/* digits is where the token "0" lies; finds where the tokens begin and end, and their index. */
static bool find_tokens(struct kallsyms_tables *tables, size_t digits)
{
	size_t end = digits;

	for (size_t i = FIRST_DIGIT; i < KALLSYMS_TOKENS; i++) {
		const uint8_t *nul = memchr(tables->data + end, '\0', tables->len - end);

		if (!nul)
			return false;
		end = nul - tables->data + 1;
	}
	tables->token_index = align_up(tables, end);
	if (tables->token_index + TOKEN_INDEX_SIZE > tables->len)
		return false;
	tables->token_table =
		digits - kallsyms_u16(tables->data, tables->token_index + 2 * FIRST_DIGIT);
	return tables->token_table < digits && index_matches(tables, end);
}

static bool is_marker_step(uint32_t from, uint32_t to)
{
	return to > from && to - from >= MIN_MARKER_STEP && to - from <= MAX_MARKER_STEP;
}

/* Markers directly before the tokens: goes back over rising numbers to the first, which is 0. */
static bool find_markers_before(struct kallsyms_tables *tables, size_t end)
{
	const uint8_t *data = tables->data;
	size_t at = end;

	if (at < 16)
		return false;
	if (!kallsyms_u32(data, at - 4))
		at -= 4; /* padding after an odd number of markers */
	tables->marker_count = 1;
	for (at -= 4; at >= 4 && kallsyms_u32(data, at); at -= 4) {
		if (!is_marker_step(kallsyms_u32(data, at - 4), kallsyms_u32(data, at)))
			return false;
		tables->marker_count++;
	}
	tables->markers = at;
	return tables->marker_count > 1 && !kallsyms_u32(data, at);
}

/*
 * Markers with the sequence table of 6.2 and 6.3 between them and the tokens: the number of markers
 * must fit the size of that table. Tries the next place before *from.
 */
static bool find_markers_before_seqs(struct kallsyms_tables *tables, size_t *from)
{
	const uint8_t *data = tables->data;
	size_t lowest = tables->token_table > MAX_SEQS ? tables->token_table - MAX_SEQS : 0;

	while (*from >= lowest + tables->alignment) {
		size_t end, seqs, most;

		*from -= tables->alignment;
		if (kallsyms_u32(data, *from) || !is_marker_step(0, kallsyms_u32(data, *from + 4)))
			continue;
		for (end = *from + 8; end + 4 <= tables->token_table; end += 4)
			if (!is_marker_step(kallsyms_u32(data, end - 4), kallsyms_u32(data, end)))
				break;
		tables->markers = *from;
		tables->marker_count = (end - *from) / 4;
		seqs = tables->token_table - align_up(tables, end);
		most = align_up(tables, SEQ_BYTES * KALLSYMS_MARKER_EVERY * tables->marker_count);
		if (seqs <= most && seqs + SEQ_BYTES * KALLSYMS_MARKER_EVERY > most)
			return true;
	}
	return false;
}

/* Walks all names: every marker must hit its name, and the last must end at the markers. */
static bool names_match(struct kallsyms_tables *tables)
{
	size_t at = tables->names;

	for (size_t i = 0; i < tables->count; i++) {
		size_t length;

		if (i % KALLSYMS_MARKER_EVERY == 0 &&
		    kallsyms_u32(tables->data, tables->markers + i / KALLSYMS_MARKER_EVERY * 4) !=
			    at - tables->names)
			return false;
		if (at + 2 > tables->markers)
			return false;
		length = kallsyms_name_length(tables->data, &at);
		if (!length || length > tables->markers - at)
			return false;
		at += length;
	}
	tables->names_end = at;
	return align_up(tables, at) == tables->markers;
}

/* The number of symbols lies before the names, whose start the last marker bounds. */
static bool find_names(struct kallsyms_tables *tables)
{
	size_t last = kallsyms_u32(tables->data, tables->markers + 4 * (tables->marker_count - 1));
	size_t step = tables->alignment, highest, lowest = step;

	if (last + 2 * step > tables->markers)
		return false;
	highest = (tables->markers - last) & ~(step - 1);
	if (highest > MAX_MARKER_STEP + 2 * step)
		lowest = highest - MAX_MARKER_STEP - step;
	for (size_t at = highest; at >= lowest; at -= step) {
		tables->names = at;
		tables->count = kallsyms_u32(tables->data, at - step);
		/* The four bytes of padding after it, where there are any, are zero. */
		if (((size_t)tables->count + KALLSYMS_MARKER_EVERY - 1) / KALLSYMS_MARKER_EVERY ==
			    tables->marker_count &&
		    (step == 4 || !kallsyms_u32(tables->data, at - 4)) && names_match(tables))
			return true;
	}
	return false;
}

/* Are these offsets a rising row of addresses that are close together? */
static bool offsets_rise(const struct kallsyms_tables *tables)
{
	uint64_t last = kallsyms_symbol_address(tables, 0), first = last;

	for (size_t i = 1; i < tables->count; i++) {
		uint64_t address = kallsyms_symbol_address(tables, i);

		if ((int64_t)(address - last) < 0 &&
		    (tables->encoding != KALLSYMS_ABSOLUTE_PERCPU || address < last))
			return false;
		last = address;
	}
	if (tables->encoding == KALLSYMS_PC_RELATIVE)
		return last - first < IMAGE_MAX - IMAGE_MIN;
	return last >= tables->relative_base && last < IMAGE_MAX;
}

/* Takes the offsets at the given place if they fit the base at another. */
static bool relative_offsets_match(struct kallsyms_tables *tables, size_t offsets, size_t base)
{
	if (offsets + 4ull * tables->count > tables->len || base + sizeof(uint64_t) > tables->len)
		return false;
	memcpy(&tables->relative_base, tables->data + base, sizeof(uint64_t));
	if (tables->relative_base < IMAGE_MIN || tables->relative_base >= IMAGE_MAX)
		return false;
	tables->offsets = offsets;
	tables->encoding = KALLSYMS_RELATIVE;
	if ((int32_t)kallsyms_u32(tables->data, offsets + 4ull * (tables->count - 1)) < 0)
		tables->encoding = KALLSYMS_ABSOLUTE_PERCPU;
	return offsets_rise(tables);
}

static bool find_offsets(struct kallsyms_tables *tables)
{
	size_t size = align_up(tables, 4ull * tables->count);
	size_t num_syms = tables->names - tables->alignment;
	size_t after = align_up(tables, tables->token_index + TOKEN_INDEX_SIZE);

	if (tables->alignment == 4) {
		tables->encoding = KALLSYMS_PC_RELATIVE;
		tables->offsets = after;
		return after + size <= tables->len && offsets_rise(tables);
	}
	if (num_syms >= size + 8 &&
	    relative_offsets_match(tables, num_syms - 8 - size, num_syms - 8))
		return true;
	return relative_offsets_match(tables, after, after + size);
}

static bool find_around_tokens(struct kallsyms_tables *tables)
{
	size_t from = tables->token_table & ~(tables->alignment - 1);

	if (find_markers_before(tables, tables->token_table) && find_names(tables) &&
	    find_offsets(tables))
		return true;
	while (tables->alignment == 8 && find_markers_before_seqs(tables, &from))
		if (find_names(tables) && find_offsets(tables))
			return true;
	return false;
}

bool kallsyms_find_tables(const uint8_t *data, size_t len, uint64_t va,
			  struct kallsyms_tables *tables)
{
	static const char digits[] = "0\0"
				     "1\0"
				     "2\0"
				     "3\0"
				     "4\0"
				     "5\0"
				     "6\0"
				     "7\0"
				     "8\0"
				     "9";
	size_t at = 0;

	while (at < len) {
		const uint8_t *hit = memmem(data + at, len - at, digits, sizeof(digits));

		if (!hit)
			return false;
		for (size_t alignment = 8; alignment >= 4; alignment -= 4) {
			*tables = (struct kallsyms_tables){
				.data = data, .len = len, .va = va, .alignment = alignment};
			if (find_tokens(tables, hit - data) && find_around_tokens(tables))
				return true;
		}
		at = hit - data + 1;
	}
	return false;
}
