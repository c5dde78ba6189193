// SPDX-License-Identifier: MIT
/* Finding bytes in memory, wherever blocks, pages and ranges of RAM end. */
// Sources: lib/error.c lib/memory/memory.c lib/memory/space.c lib/walk/list.c
// Sources: lib/walk/address_map.c lib/search/area.c lib/search/scan.c lib/search/pattern.c
// Sources: lib/search/strings.c lib/search/find.c
#include "search_fixture.h"

static struct hits find_in(const struct hadal_area *area, const char *hex)
{
	struct hadal_pattern pattern;
	struct hits hits = {0};
	struct hadal_finder finder = {.pattern = &pattern, .hit = note_hit, .ctx = &hits};

	assert_int_equal(hadal_pattern_hex(&pattern, hex, NULL), 0);
	hadal_find(&finder, area, buffer);
	return hits;
}

static void patterns_are_parsed(void **state)
{
	static const char *const wrong[] = {"", "  ", "d", "de a", "0x12", "de,ad", "??", "? ?"};
	struct hadal_pattern pattern;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(hadal_pattern_hex(&pattern, wrong[i], NULL), -EINVAL);
	assert_int_equal(hadal_pattern_hex(&pattern, "de AD?? e?\t?f", NULL), 0);
	assert_int_equal(pattern.len, 5);
	assert_memory_equal(pattern.bytes, "\xde\xad\0\xe0\x0f", 5);
	assert_memory_equal(pattern.mask, "\xff\xff\0\xf0\x0f", 5);
	assert_int_equal(hadal_pattern_text(&pattern, "", false, NULL), -EINVAL);
	assert_int_equal(hadal_pattern_number(&pattern, 1ull << 32, 4, NULL), -EINVAL);
	assert_int_equal(hadal_pattern_number(&pattern, 0x12345678, 4, NULL), 0);
	assert_memory_equal(pattern.bytes, "\x78\x56\x34\x12", 4);
}

static void utf16_is_made_of_utf8(void **state)
{
	static const char *const wrong[] = {"\x80",         "\xc3",         "\xc0\x80",
					    "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
					    "\xff"};
	struct hadal_pattern pattern;

	(void)state;
	assert_int_equal(
		hadal_pattern_utf16(&pattern, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", false, NULL),
		0);
	assert_int_equal(pattern.len, 10);
	assert_memory_equal(pattern.bytes, "a\0\xe9\0\xac\x20\x3d\xd8\x00\xde", 10);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(hadal_pattern_utf16(&pattern, wrong[i], false, NULL), -EINVAL);
}

static void letters_may_be_small_or_capital(void **state)
{
	struct hadal_pattern pattern;

	(void)state;
	assert_int_equal(hadal_pattern_text(&pattern, "aB[1", true, NULL), 0);
	assert_int_equal(hadal_pattern_find(&pattern, (const uint8_t *)"xAb[1", 5, 0, 0), 1);
	assert_int_equal(hadal_pattern_find(&pattern, (const uint8_t *)"xAb{1", 5, 0, 0), -1);
	assert_int_equal(hadal_pattern_utf16(&pattern, "a", true, NULL), 0);
	assert_int_equal(hadal_pattern_find(&pattern, (const uint8_t *)"A\0", 2, 0, 0), 0);
}

static void numbers_are_found_aligned(void **state)
{
	uint8_t bytes[64] = {0};
	struct hadal_pattern pattern;

	(void)state;
	assert_int_equal(hadal_pattern_number(&pattern, 0x1122334455667788ull, 8, NULL), 0);
	memcpy(bytes + 5, pattern.bytes, 8);
	memcpy(bytes + 24, pattern.bytes, 8);
	assert_int_equal(hadal_pattern_find(&pattern, bytes, 64, 0, 0x1000), 24);
	assert_int_equal(hadal_pattern_find(&pattern, bytes, 64, 0, 0x1003), 5);
	assert_int_equal(hadal_pattern_find(&pattern, bytes, 64, 25, 0x1000), -1);
	assert_int_equal(hadal_pattern_find(&pattern, bytes, 31, 0, 0x1000), -1);
}

/* At every place around the end of a block, of a page, and of RAM. */
static void places_are_found_once_wherever_they_lie(void **state)
{
	static const uint64_t around[] = {0x1000 + HADAL_SCAN_BYTES, 0x100000, 0x2000, LOST_PAGE,
					  0x300000};
	const struct hadal_area area = all();

	(void)state;
	for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		for (int before = 0; before <= 4; before++) {
			uint64_t pa = around[i] - before;
			/* The last two end RAM that can be read, or begin where there is none. */
			bool whole = i < 3 || before == 4;
			struct hits hits;

			clear();
			place(pa, "\xde\xad\x77\xef", 4);
			hits = find_in(&area, "de ad ?? ef");
			assert_int_equal(hits.count, whole);
			if (whole)
				assert_int_equal(hits.address[0], pa);
		}
	}
}

static void places_may_overlap(void **state)
{
	struct hadal_area area = all();
	struct hits hits;

	(void)state;
	clear();
	memset(ram + HADAL_SCAN_BYTES + 0x1000 - 3, 0xaa, 6);
	hits = find_in(&area, "aa aa aa");
	assert_int_equal(hits.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(hits.address[i], HADAL_SCAN_BYTES + 0x1000 - 3 + i);
	area.start = HADAL_SCAN_BYTES + 0x1000 - 2;
	area.last = HADAL_SCAN_BYTES + 0x1000 + 1;
	assert_int_equal(find_in(&area, "aa aa aa").count, 2);
	assert_int_equal(hadal_area_size(&area), 4);
}

/* The bytes that are looked for first may begin once more within themselves. */
static void a_place_may_begin_in_a_false_one(void **state)
{
	struct hadal_pattern pattern;

	(void)state;
	assert_int_equal(hadal_pattern_hex(&pattern, "aa aa ?? bb", NULL), 0);
	assert_int_equal(
		hadal_pattern_find(&pattern, (const uint8_t *)"\xaa\xaa\xaa\x01\xbb", 5, 0, 0), 1);
}

static void a_search_can_be_ended(void **state)
{
	const struct hadal_area area = all();
	struct hadal_pattern pattern;
	struct hits hits = {.limit = 2};
	struct hadal_finder finder = {.pattern = &pattern, .hit = note_hit, .ctx = &hits};

	(void)state;
	clear();
	hadal_pattern_hex(&pattern, "00", NULL);
	assert_int_equal(hadal_find(&finder, &area, buffer), 1);
	assert_int_equal(hits.count, 2);
	assert_int_equal(memory.reads, 1);
}

static void map(uint64_t va, uint64_t pa, uint64_t bits)
{
	uint64_t tables[] = {0x10000, 0x11000, 0x12000, 0x13000};

	for (int level = 0; level < 4; level++) {
		uint64_t *entry =
			(uint64_t *)(ram + tables[level]) + (va >> (39 - 9 * level)) % 512;

		*entry = (level == 3 ? pa | bits
				     : tables[level + 1] | HADAL_PTE_WRITE | HADAL_PTE_USER) |
			 HADAL_PTE_PRESENT;
	}
}

static struct hadal_area make_space(struct hadal_space *space)
{
	struct hadal_page_cache *cache = hadal_page_cache_new(&memory);

	assert_non_null(cache);
	hadal_space_init(space, cache, 0x10000, 4);
	return (struct hadal_area){.memory = &memory, .space = space, .last = UINT64_MAX};
}

/* Pages that follow each other by their addresses lie elsewhere in RAM. */
static void places_cross_pages_of_a_process(void **state)
{
	struct hadal_space space;
	struct hadal_area area;
	uint64_t physical;
	struct hits hits;

	(void)state;
	clear();
	area = make_space(&space);
	map(0x7000, 0x50000, HADAL_PTE_USER);
	map(0x8000, 0x40000, HADAL_PTE_USER | HADAL_PTE_WRITE);
	map(0xa000, 0x51000, HADAL_PTE_USER);
	map(0xb000, 0xfee00000, HADAL_PTE_USER); /* no RAM */
	place(0x50ffe, "\x11\x22", 2);
	place(0x40000, "\x33\x44", 2);
	hits = find_in(&area, "11 22 33 44");
	assert_int_equal(hits.count, 1);
	assert_int_equal(hits.address[0], 0x7ffe);
	assert_int_equal(hadal_area_physical(&area, 0x8001, &physical), 0);
	assert_int_equal(physical, 0x40001);
	/* By physical addresses there are two halves. */
	place(0x40ffe, "\x55\x66", 2);
	place(0x51000, "\x77\x88", 2);
	assert_int_equal(find_in(&area, "55 66 77 88").count, 0);
	area = all();
	assert_int_equal(find_in(&area, "11 22 33 44").count, 0);
	hadal_page_cache_free(space.cache);
}

static void large_pages_and_the_upper_half_are_walked(void **state)
{
	uint64_t *table;
	struct hadal_space space;
	struct hadal_area area;
	struct hits hits;

	(void)state;
	clear();
	area = make_space(&space);
	map(0xffffffff80000000ull, 0x50000, 0);
	table = (uint64_t *)(ram + 0x12000);
	table[1] = 0x200000 | HADAL_PTE_PRESENT | HADAL_PTE_LARGE | HADAL_PTE_NX;
	place(0x50001, "\x99\x98", 2);
	place(0x211ffc, "\x99\x98", 2);
	hits = find_in(&area, "9998");
	assert_int_equal(hits.count, 2);
	assert_true(hits.address[0] == 0xffffffff80000001ull);
	assert_true(hits.address[1] == 0xffffffff80211ffcull);
	area.start = 0xffffffff80001000ull;
	assert_int_equal(find_in(&area, "9998").count, 1);
	/* 2 MiB, less what lies behind the end of RAM: 1 MiB to the gap, and the third range */
	assert_int_equal(hadal_area_size(&area), 0x100000 + (RAM_BYTES - 0x310000));
	hadal_page_cache_free(space.cache);
}

static void tables_in_circles_end(void **state)
{
	struct hadal_pattern pattern;
	struct hits hits = {0};
	struct hadal_finder finder = {.pattern = &pattern, .hit = note_hit, .ctx = &hits};
	uint64_t *table = (uint64_t *)(ram + 0x10000);
	struct hadal_space space;
	struct hadal_area area;

	(void)state;
	clear();
	area = make_space(&space);
	map(0x7000, 0x50000, 0);
	place(0x50123, "\xab\xcd", 2);
	for (int i = 1; i < 512; i++)
		table[i] = 0x10000 | HADAL_PTE_PRESENT;
	hadal_pattern_hex(&pattern, "ab cd", NULL);
	assert_int_equal(hadal_find(&finder, &area, buffer), -ELOOP);
	assert_int_equal(hits.count, 1);
	/* An entry of the upper levels cannot be a page. */
	for (int i = 1; i < 512; i++)
		table[i] |= HADAL_PTE_LARGE;
	assert_int_equal(hadal_find(&finder, &area, buffer), 0);
	assert_int_equal(hadal_area_size(&area), 4096);
	hadal_page_cache_free(space.cache);
}

static void pages_can_be_left_out(void **state)
{
	struct hadal_space space;
	struct hadal_area own, area = all();
	struct hadal_ranges rest;

	(void)state;
	clear();
	own = make_space(&space);
	own.rights = HADAL_STEP_USER | HADAL_STEP_WRITE;
	map(0x7000, 0x50000, HADAL_PTE_USER | HADAL_PTE_WRITE);
	map(0x8000, 0x40000, HADAL_PTE_USER | HADAL_PTE_WRITE);
	map(0x9000, 0x60000, HADAL_PTE_USER);
	map(0xa000, 0x40000, HADAL_PTE_USER | HADAL_PTE_WRITE);
	map(0xb000, 0x1000, HADAL_PTE_USER | HADAL_PTE_WRITE);
	for (uint64_t pa = 0x40000; pa <= 0x60000; pa += 0x10000)
		place(pa + 16, "\xab\xcd", 2);
	assert_int_equal(find_in(&area, "ab cd").count, 3);
	assert_int_equal(hadal_area_exclude(&area, &own, &rest), 0);
	area.within = &rest;
	assert_int_equal(find_in(&area, "ab cd").count, 1);
	assert_int_equal(find_in(&area, "ab cd").address[0], 0x60010);
	assert_int_equal(hadal_area_size(&area), RAM_BYTES - 0x1000 - 0x10000 - 3 * 4096);
	hadal_ranges_free(&rest);
	hadal_page_cache_free(space.cache);
}

/* Pages that are elsewhere, pages that cannot be read, and RAM that an image does not have. */
static void what_is_passed_over_is_counted(void **state)
{
	const struct hadal_range machine[] = {{0x1000, 0x308000}, {0x310000, 2 * RAM_BYTES}};
	const struct hadal_ranges machine_ram = {(struct hadal_range *)machine, 2};
	struct hadal_unread unread = {0};
	struct hadal_space space;
	struct hadal_area area;

	(void)state;
	clear();
	area = make_space(&space);
	memory.missing = (struct hadal_missing){0};
	area.unread = &unread;
	area.ram = &machine_ram;
	map(0x7000, 0x50000, HADAL_PTE_USER);
	map(0x8000, LOST_PAGE, HADAL_PTE_USER);
	map(0x9000, 0xfee00000, HADAL_PTE_USER); /* no RAM at all */
	find_in(&area, "11 22 33 44");
	assert_int_equal(unread.bytes, 4096);
	assert_int_equal(unread.pages, 0);
	assert_int_equal(memory.missing.reads, 1); /* of the page that cannot be read */
	memory.missing = (struct hadal_missing){0};
	map(0x8000, 0x307000, HADAL_PTE_USER);
	((uint64_t *)(ram + 0x13000))[0xb] = 0xabcd00; /* swapped out */
	find_in(&area, "11 22 33 44");
	assert_int_equal(unread.pages, 1);
	assert_int_equal(memory.missing.first, 0x307000);
	assert_int_equal(memory.missing.last, 0x307fff);
	memory.missing = (struct hadal_missing){0};
	assert_int_equal(hadal_area_size(&area), 4096);
	assert_int_equal(unread.pages, 1);
	hadal_page_cache_free(space.cache);
}

static void expect_absent(struct hadal_area *area, uint64_t start, uint64_t last,
			  const struct hadal_range *expected, size_t count)
{
	struct hadal_ranges absent;

	area->start = start;
	area->last = last;
	assert_int_equal(hadal_area_absent(area, &absent), 0);
	assert_int_equal(absent.count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(absent.items[i].start, expected[i].start);
		assert_int_equal(absent.items[i].end, expected[i].end);
	}
	hadal_ranges_free(&absent);
}

/* Of a physical area, what an image lacks within it; nothing of what is not looked through. */
static void what_a_physical_area_lacks_is_told(void **state)
{
	const struct hadal_range machine[] = {{0, 0x308000}, {0x30f000, 2 * RAM_BYTES}};
	const struct hadal_ranges machine_ram = {(struct hadal_range *)machine, 2};
	const struct hadal_range lacks[] = {{0, 0x1000},
					    {0x300000, 0x308000},
					    {0x30f000, 0x310000},
					    {RAM_BYTES, 2 * RAM_BYTES}};
	const struct hadal_range part = {0x301000, 0x301001};
	struct hadal_area area = all();

	(void)state;
	area.ram = &machine_ram;
	expect_absent(&area, 0, UINT64_MAX, lacks, 4);
	expect_absent(&area, 0, 2 * RAM_BYTES - 1, lacks, 4);
	expect_absent(&area, 0x301000, 0x301000, &part, 1);
	expect_absent(&area, 0x2ff000, 0x2fffff, NULL, 0);
	expect_absent(&area, 0x308000, 0x30efff, NULL, 0);
	expect_absent(&area, 2 * RAM_BYTES, UINT64_MAX, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_parsed),
		cmocka_unit_test(utf16_is_made_of_utf8),
		cmocka_unit_test(letters_may_be_small_or_capital),
		cmocka_unit_test(numbers_are_found_aligned),
		cmocka_unit_test(places_are_found_once_wherever_they_lie),
		cmocka_unit_test(places_may_overlap),
		cmocka_unit_test(a_place_may_begin_in_a_false_one),
		cmocka_unit_test(a_search_can_be_ended),
		cmocka_unit_test(places_cross_pages_of_a_process),
		cmocka_unit_test(large_pages_and_the_upper_half_are_walked),
		cmocka_unit_test(tables_in_circles_end),
		cmocka_unit_test(pages_can_be_left_out),
		cmocka_unit_test(what_is_passed_over_is_counted),
		cmocka_unit_test(what_a_physical_area_lacks_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
