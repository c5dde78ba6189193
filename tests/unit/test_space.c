// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Translating and reading virtual memory, also where tables are wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory/space.h"
#include "machine.h"
#include "unit.h"

#define ROOT 0x800000ull

struct fixture {
	struct machine *machine;
	struct hadal_page_cache *cache;
	struct hadal_space space;
};

static struct fixture make(unsigned levels)
{
	struct fixture fixture = {.machine =
					  machine_new(&(struct machine_options){.levels = levels})};

	fixture.cache = hadal_page_cache_new(&fixture.machine->memory);
	hadal_space_init(&fixture.space, fixture.cache, ROOT, levels);
	memset(fixture.machine->ram + ROOT, 0, HADAL_PAGE_SIZE);
	return fixture;
}

static void drop(struct fixture *fixture)
{
	hadal_page_cache_free(fixture->cache);
	machine_free(fixture->machine);
}

static void every_page_size_is_walked(void **state)
{
	const struct {
		uint64_t va, pa, size, bits;
		uint32_t rights;
	} maps[] = {
		{0x400000, 0x5000, 4096, HADAL_PTE_USER,
		 HADAL_STEP_READ | HADAL_STEP_USER | HADAL_STEP_EXECUTE},
		/* Bit 12 of a large page's entry is the PAT's, and no address. */
		{0x40000000, 0x600000, 2u << 20, HADAL_PTE_WRITE | HADAL_PTE_NX | 1 << 12,
		 HADAL_STEP_READ | HADAL_STEP_WRITE},
		{0xffffff8000000000ull, 0x40000000, 1u << 30, HADAL_PTE_WRITE,
		 HADAL_STEP_READ | HADAL_STEP_WRITE | HADAL_STEP_EXECUTE},
	};

	(void)state;
	for (unsigned levels = 4; levels <= 5; levels++) {
		struct fixture fixture = make(levels);

		for (size_t i = 0; i < 3; i++) {
			struct hadal_translation walk;

			machine_map(fixture.machine, ROOT, maps[i].va, maps[i].pa, maps[i].size,
				    maps[i].bits);
			hadal_space_flush(&fixture.space);
			assert_int_equal(
				hadal_space_translate(&fixture.space, maps[i].va + 0xabc, &walk),
				0);
			assert_true(walk.physical == maps[i].pa + 0xabc);
			assert_int_equal(walk.page_bytes, maps[i].size);
			assert_int_equal(walk.rights, maps[i].rights);
			assert_int_equal(walk.levels, levels);
			assert_int_equal(walk.step_count, levels - i);
			assert_int_equal(walk.step[0].level, levels);
			assert_true(walk.step[0].entry_address / HADAL_PAGE_SIZE ==
				    ROOT / HADAL_PAGE_SIZE);
		}
		drop(&fixture);
	}
}

static void what_is_not_mapped_is_refused(void **state)
{
	struct fixture fixture = make(4);
	struct hadal_translation walk;
	char byte;

	(void)state;
	assert_int_equal(hadal_space_translate(&fixture.space, 0x123456789000ull, &walk), -EFAULT);
	assert_int_equal(walk.step_count, 1);
	assert_int_equal(hadal_space_translate(&fixture.space, 0x0000800000000000ull, &walk),
			 -EINVAL);
	assert_int_equal(hadal_space_translate(&fixture.space, 0x8000000000000000ull, &walk),
			 -EINVAL);
	/* A table outside RAM. */
	*(uint64_t *)(fixture.machine->ram + ROOT) = 0x7ffffff000ull | HADAL_PTE_PRESENT;
	hadal_space_flush(&fixture.space);
	assert_int_equal(hadal_space_translate(&fixture.space, 0x1000, &walk), -ENXIO);
	/* No page is that large. */
	*(uint64_t *)(fixture.machine->ram + ROOT) = HADAL_PTE_LARGE | HADAL_PTE_PRESENT;
	hadal_space_flush(&fixture.space);
	assert_int_equal(hadal_space_translate(&fixture.space, 0x1000, &walk), -EINVAL);
	/* A root that points to itself ends after its levels. */
	*(uint64_t *)(fixture.machine->ram + ROOT) = ROOT | HADAL_PTE_PRESENT;
	hadal_space_flush(&fixture.space);
	assert_int_equal(hadal_space_translate(&fixture.space, 0, &walk), 0);
	assert_true(walk.physical == ROOT);
	assert_int_equal(hadal_space_read(&fixture.space, ~0ull, &byte, 2), -EINVAL);
	drop(&fixture);
}

static void reads_cross_pages_and_stop_at_holes(void **state)
{
	struct fixture fixture = make(4);
	uint8_t expected[3 * HADAL_PAGE_SIZE], got[4 * HADAL_PAGE_SIZE];
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(expected); i++)
		expected[i] = i * 7 + i / 256;
	/* Three virtual pages in a row, backwards in physical memory. */
	for (int i = 0; i < 3; i++) {
		uint64_t pa = 0xa00000 - i * HADAL_PAGE_SIZE;

		machine_map(fixture.machine, ROOT, 0x400000 + i * HADAL_PAGE_SIZE, pa,
			    HADAL_PAGE_SIZE, 0);
		memcpy(fixture.machine->ram + pa, expected + i * HADAL_PAGE_SIZE, HADAL_PAGE_SIZE);
	}
	for (size_t len = 1; len < sizeof(expected) - 5; len += 997) {
		assert_int_equal(hadal_space_read_exact(&fixture.space, 0x400005, got, len), 0);
		assert_memory_equal(got, expected + 5, len);
	}
	assert_int_equal(hadal_space_read(&fixture.space, 0x400000, got, sizeof(got)),
			 sizeof(expected));
	assert_int_equal(hadal_space_read_exact(&fixture.space, 0x400000, got, sizeof(got)),
			 -EFAULT);
	assert_int_equal(hadal_space_read(&fixture.space, 0x500000, got, 8), -EFAULT);
	strcpy((char *)fixture.machine->ram + 0xa00000 - 2 * HADAL_PAGE_SIZE + 4090, "abcde");
	hadal_space_flush(&fixture.space);
	assert_int_equal(
		hadal_space_read_string(&fixture.space, 0x402000 + 4090, text, sizeof(text)), 5);
	assert_string_equal(text, "abcde");
	/* Without its end, up to the last byte that is there or fits. */
	fixture.machine->ram[0xa00000 - 2 * HADAL_PAGE_SIZE + 4095] = 'f';
	hadal_space_flush(&fixture.space);
	assert_int_equal(
		hadal_space_read_string(&fixture.space, 0x402000 + 4090, text, sizeof(text)), 6);
	assert_int_equal(hadal_space_read_string(&fixture.space, 0x402000 + 4090, text, 4), 3);
	assert_string_equal(text, "abc");
	drop(&fixture);
}

static void flush_forgets(void **state)
{
	struct fixture fixture = make(4);
	uint32_t value;

	(void)state;
	machine_map(fixture.machine, ROOT, 0x400000, 0xa00000, HADAL_PAGE_SIZE, 0);
	*(uint32_t *)(fixture.machine->ram + 0xa00010) = 1;
	assert_int_equal(hadal_space_read_u32(&fixture.space, 0x400010, &value), 0);
	assert_int_equal(value, 1);
	machine_map(fixture.machine, ROOT, 0x400000, 0xa01000, HADAL_PAGE_SIZE, 0);
	*(uint32_t *)(fixture.machine->ram + 0xa01010) = 2;
	hadal_space_flush(&fixture.space);
	assert_int_equal(hadal_space_read_u32(&fixture.space, 0x400010, &value), 0);
	assert_int_equal(value, 2);
	drop(&fixture);
}

static uint32_t read_cached(struct fixture *fixture, uint64_t pa)
{
	uint32_t value = 0;

	assert_int_equal(hadal_page_cache_read(fixture->cache, pa, &value, 4), 4);
	return value;
}

static void cache_keeps_what_was_read_last(void **state)
{
	struct fixture fixture = make(4);
	uint64_t before = fixture.machine->memory.reads, far = 128 * 512;

	(void)state;
	/* Four pieces that compete for one set stay all of them; the fifth drives out the first. */
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < 4; i++)
			read_cached(&fixture, i * far);
	assert_int_equal(fixture.machine->memory.reads - before, 4);
	read_cached(&fixture, 4 * far);
	for (int i = 1; i < 5; i++)
		read_cached(&fixture, i * far);
	assert_int_equal(fixture.machine->memory.reads - before, 5);
	read_cached(&fixture, 0);
	assert_int_equal(fixture.machine->memory.reads - before, 6);
	drop(&fixture);
}

static void cache_forgets_however_often_it_is_told(void **state)
{
	struct fixture fixture = make(4);
	uint32_t *word = (uint32_t *)(fixture.machine->ram + 0xa00000);

	(void)state;
	/* Its counter of flushes has 16 bits. */
	for (uint32_t times = 65533; times < 65539; times++) {
		*word = times;
		assert_int_equal(read_cached(&fixture, 0xa00000), times);
		*word = 0;
		for (uint32_t i = 0; i < times; i++)
			hadal_page_cache_flush(fixture.cache);
		assert_int_equal(read_cached(&fixture, 0xa00000), 0);
		hadal_page_cache_flush(fixture.cache);
	}
	for (int i = 0; i < 1000; i++)
		assert_int_equal(read_cached(&fixture, 0xa10000 + i * 512), 0);
	drop(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_size_is_walked),
		cmocka_unit_test(what_is_not_mapped_is_refused),
		cmocka_unit_test(reads_cross_pages_and_stop_at_holes),
		cmocka_unit_test(flush_forgets),
		cmocka_unit_test(cache_keeps_what_was_read_last),
		cmocka_unit_test(cache_forgets_however_often_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
