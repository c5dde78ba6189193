// SPDX-License-Identifier: MIT
/* Finding strings in memory, and what regular expressions match in them. */
// Sources: lib/error.c lib/memory/memory.c lib/memory/space.c lib/walk/list.c
// Sources: lib/walk/address_map.c lib/search/area.c lib/search/scan.c lib/search/pattern.c
// Sources: lib/search/strings.c lib/search/find.c
#include <stdio.h>

#include "search_fixture.h"

static int note_string(void *ctx, const struct hadal_string *string)
{
	struct hits *hits = ctx;

	assert_int_equal(strlen(string->text), string->len);
	snprintf(hits->text[hits->count], 32, "%s%s", string->utf16 ? "w:" : "", string->text);
	return note_hit(ctx, string->address, string->len);
}

static struct hits strings_in(const struct hadal_area *area, size_t least, bool utf16)
{
	struct hits hits = {0};
	struct hadal_strings strings = {
		.least = least, .ascii = true, .utf16 = utf16, .visit = note_string, .ctx = &hits};
	const struct hadal_scanner scanner = {
		.scan = (int (*)(void *, const struct hadal_block *))hadal_strings_scan,
		.ctx = &strings,
		.buffer = buffer,
	};

	hadal_scan(area, &scanner);
	return hits;
}

static void strings_end_with_blocks_of_memory_only(void **state)
{
	static const uint64_t places[] = {0x1000, 0x1000 + HADAL_SCAN_BYTES - 3, 0x100000 - 1};
	const struct hadal_area area = all();
	struct hits hits;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		clear();
		place(places[i], "hadal\tx", 7);
		place(0x300000 - 4, "end!", 4);
		place(0x310000, "begin", 5);
		hits = strings_in(&area, 4, false);
		assert_int_equal(hits.count, 3);
		assert_int_equal(hits.address[0], places[i]);
		assert_string_equal(hits.text[0], "hadal\tx");
		assert_string_equal(hits.text[1], "end!");
		assert_string_equal(hits.text[2], "begin");
		assert_int_equal(strings_in(&area, 5, false).count, 2);
	}
}

static void utf16_is_found_at_any_address(void **state)
{
	const struct hadal_area area = all();
	struct hits hits;

	(void)state;
	for (uint64_t pa = HADAL_SCAN_BYTES + 0x1000 - 9; pa < HADAL_SCAN_BYTES + 0x1002; pa++) {
		clear();
		place(pa, "H\0a\0d\0a\0l\0", 10);
		place(pa + 100,
		      "abc\x01"
		      "defg\xff",
		      9);
		hits = strings_in(&area, 4, true);
		assert_int_equal(hits.count, 2);
		assert_int_equal(hits.address[0], pa);
		assert_string_equal(hits.text[0], "w:Hadal");
		assert_string_equal(hits.text[1], "defg");
	}
}

static void long_strings_come_in_pieces(void **state)
{
	const struct hadal_area area = all();
	struct hits hits;

	(void)state;
	clear();
	memset(ram + 0x5000, 'x', 2 * HADAL_STRING_MAX + 1);
	hits = strings_in(&area, 100, false);
	assert_int_equal(hits.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(hits.address[i], 0x5000 + i * HADAL_STRING_MAX);
	assert_int_equal(hits.len[0], HADAL_STRING_MAX);
	assert_int_equal(hits.len[2], 1);
	/* The piece before it was the last: there is nothing more. */
	clear();
	memset(ram + 0x5000, 'x', HADAL_STRING_MAX);
	place(0x5000 + HADAL_STRING_MAX + 1, "short", 5);
	assert_int_equal(strings_in(&area, 6, false).count, 1);
}

static void expressions_match_in_strings(void **state)
{
	const struct hadal_area area = all();
	struct hits hits = {0};
	regex_t regex;
	struct hadal_finder finder = {.regex = &regex, .hit = note_hit, .ctx = &hits};

	(void)state;
	clear();
	place(0x2000 - 4, "key=12 key=345", 14);
	place(0x3000,
	      "\x01key=\x01"
	      "67",
	      8);
	place(0x4000, "key=9", 5);
	assert_int_equal(regcomp(&regex, "key=[0-9]+", REG_EXTENDED), 0);
	assert_int_equal(hadal_find(&finder, &area, buffer), 0);
	assert_int_equal(hits.count, 3);
	assert_int_equal(hits.address[0], 0x2000 - 4);
	assert_int_equal(hits.len[0], 6);
	assert_int_equal(hits.address[1], 0x2003);
	assert_int_equal(hits.len[1], 7);
	assert_int_equal(hits.address[2], 0x4000);
	regfree(&regex);
	hits.count = 0;
	assert_int_equal(regcomp(&regex, "^x*", REG_EXTENDED), 0);
	assert_int_equal(hadal_find(&finder, &area, buffer), 0);
	assert_int_equal(hits.count, 0);
	regfree(&regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_end_with_blocks_of_memory_only),
		cmocka_unit_test(utf16_is_found_at_any_address),
		cmocka_unit_test(long_strings_come_in_pieces),
		cmocka_unit_test(expressions_match_in_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
