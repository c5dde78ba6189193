// SPDX-License-Identifier: MIT
// Sources: vmm/paging/ram.c
/* The map of RAM against one bit for each page. */
#include <string.h>
#include "unit.h"
#include "base/errno.h"
#include "paging/ram.h"
#include "random.h"

#define PAGES 4096u

static bool is_ram[PAGES];
static uint64_t seed = 1;

static void expect_same(const struct ram_map *map)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < map->count; i++) {
		assert_true(map->range[i].start < map->range[i].end);
		assert_true(!i || map->range[i].start > map->range[i - 1].end);
	}
	for (uint64_t page = 0; page < PAGES; page++) {
		assert_int_equal(ram_has(map, page), is_ram[page]);
		if (is_ram[page])
			end = page + 1;
	}
	assert_int_equal(ram_end(map), end);
}

/* The parts that ram_next() gives, one after the other, are all and only those asked for. */
static void expect_parts(const struct ram_map *map, uint64_t start, uint64_t end, bool in)
{
	uint64_t at = start, until, seen = start;

	while ((until = ram_next(map, &at, end, in))) {
		assert_true(at >= seen && until > at && until <= end);
		for (; seen < at; seen++)
			assert_int_equal(is_ram[seen], !in);
		for (; seen < until; seen++)
			assert_int_equal(is_ram[seen], in);
		at = until;
	}
	for (; seen < end; seen++)
		assert_int_equal(is_ram[seen], !in);
}

static void test_random(void **state)
{
	static struct ram_map map[2];
	unsigned now = 0;

	(void)state;
	memset(is_ram, 0, sizeof(is_ram));
	map[0].count = 0;
	for (int i = 0; i < 4000; i++) {
		uint64_t start = random_below(&seed, PAGES);
		uint64_t end = start + 1 + random_below(&seed, 64);
		bool add = random_below(&seed, 2);
		int err;

		if (end > PAGES)
			end = PAGES;
		expect_parts(&map[now], start, end, true);
		expect_parts(&map[now], start, end, false);
		err = (add ? ram_add : ram_remove)(&map[now], start, end, &map[!now]);
		if (err) {
			assert_int_equal(err, -ENOSPC);
			continue;
		}
		memset(is_ram + start, add, end - start);
		now = !now;
		expect_same(&map[now]);
	}
}

static void test_full(void **state)
{
	static struct ram_map map[2];

	(void)state;
	map[0].count = 0;
	for (unsigned i = 0; i < HADAL_MAX_RAM_RANGES; i++) {
		assert_int_equal(ram_add(&map[i % 2], 2 * i, 2 * i + 1, &map[(i + 1) % 2]), 0);
		assert_int_equal(map[(i + 1) % 2].count, i + 1);
	}
	assert_int_equal(
		ram_add(&map[0], 2 * HADAL_MAX_RAM_RANGES, 2 * HADAL_MAX_RAM_RANGES + 1, &map[1]),
		-ENOSPC);
	/* What fills a gap makes one of two. */
	assert_int_equal(ram_add(&map[0], 1, 2, &map[1]), 0);
	assert_int_equal(map[1].count, HADAL_MAX_RAM_RANGES - 1);
	assert_int_equal(map[1].range[0].start, 0);
	assert_int_equal(map[1].range[0].end, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
