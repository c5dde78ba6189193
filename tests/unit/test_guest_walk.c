// SPDX-License-Identifier: MIT
// Sources: vmm/paging/guest_walk.c
/* Walks of the guest's page tables of four levels: rights, faults, bits that are set. */
#include "guest_walk_fixture.h"
#include "random.h"

static void four_levels_record_each_step(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	memory[3][1] |= NX;
	memory[2][1] &= ~US;
	memory[4][1] &= ~RW;
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0xabcde123);
	assert_int_equal(walk.page_bytes, 4096);
	assert_int_equal(walk.rights, WALK_READ);
	assert_int_equal(walk.levels, 4);
	assert_int_equal(walk.step_count, 4);
	assert_int_equal(walk.step[0].level, 4);
	assert_int_equal(walk.step[0].address, 0x1000);
	assert_int_equal(walk.step[0].value, 0x2007);
	assert_int_equal(walk.step[0].rights, RIGHTS_ALL);
	assert_int_equal(walk.step[1].address, 0x2008);
	assert_int_equal(walk.step[1].rights, WALK_READ | WALK_WRITE | WALK_EXEC);
	assert_int_equal(walk.step[2].rights, WALK_READ | WALK_WRITE | WALK_USER);
	assert_int_equal(walk.step[3].level, 1);
	assert_int_equal(walk.step[3].address, 0x4008);
	assert_int_equal(walk.step[3].rights, WALK_READ | WALK_EXEC | WALK_USER);
	assert_int_equal(table_calls, 4);
}

static void canonical_addresses_only(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	assert_int_equal(walk_to(&paging, 1ull << 47, WALK_READ, &walk), -EINVAL);
	assert_int_equal(walk_to(&paging, 0xffff7fffffffffff, WALK_READ, &walk), -EINVAL);
	assert_int_equal(walk_to(&paging, 1ull << 63, WALK_READ, &walk), -EINVAL);
	assert_int_equal(table_calls, 0);
	memory[1][511] = 0x2000 | ALL;
	expect_gpa(&paging, 0xffffff8000000000 + GVA, WALK_READ, 0xabcde123);
	memory[1][256] = 0x2000 | ALL;
	expect_gpa(&paging, 0xffff800000000000 + GVA, WALK_READ, 0xabcde123);
	memory[1][255] = 0x2000 | ALL;
	expect_gpa(&paging, 0x00007f8000000000 + GVA, WALK_READ, 0xabcde123);
}

static void large_pages(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	memory[3][1] = 0x12200000 | ALL | PS | 0x1000; /* bit 12 is PAT */
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0x12201123);
	assert_int_equal(walk.page_bytes, SIZE_2M);
	assert_int_equal(walk.step_count, 3);
	memory[3][1] |= 0x2000;
	expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
	memory[3][1] = 0x12200000 | ALL | PS | 0x100000;
	expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);

	memory[2][1] = 0x1c0000000 | ALL | PS | 0x1000;
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0x1c0201123);
	assert_int_equal(walk.page_bytes, SIZE_1G);
	memory[2][1] |= 0x20000000;
	expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
	memory[2][1] = 0x1c0000000 | ALL | PS;
	paging.has_1g = false;
	expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
}

static void reserved_bits_of_each_level(void **unused)
{
	struct guest_paging paging = long_mode();
	(void)unused;

	for (unsigned level = 4; level >= 1; level--) {
		uint64_t *entry = &memory[5 - level][level != 4];

		for (unsigned bit = 40; bit < 52; bit++) {
			*entry |= 1ull << bit;
			expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
			*entry &= ~(1ull << bit);
		}
		for (unsigned bit = 52; bit < 63; bit++) {
			*entry |= 1ull << bit;
			expect_gpa(&paging, GVA, WALK_READ, 0xabcde123);
			*entry &= ~(1ull << bit);
		}
		*entry |= NX;
		paging.efer &= ~0x800ull;
		expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
		expect_fault(&paging, GVA, WALK_EXEC, PF_PRESENT | PF_RESERVED);
		paging.efer |= 0x800;
		expect_gpa(&paging, GVA, WALK_READ, 0xabcde123);
		*entry &= ~NX;
	}
	memory[1][0] |= PS;
	expect_fault(&paging, GVA, WALK_READ, PF_PRESENT | PF_RESERVED);
	/* not present comes before reserved */
	memory[1][0] &= ~P;
	expect_fault(&paging, GVA, WALK_READ, 0);
}

static void error_codes_are_the_processors(void **unused)
{
	struct guest_paging paging = long_mode();
	(void)unused;

	memory[4][1] = 0;
	expect_fault(&paging, GVA, WALK_READ, 0);
	expect_fault(&paging, GVA, WALK_WRITE, PF_WRITE);
	expect_fault(&paging, GVA, WALK_EXEC, PF_FETCH);
	expect_fault(&paging, GVA, WALK_WRITE | WALK_USER, PF_WRITE | PF_USER);
	expect_fault(&paging, GVA, WALK_EXEC | WALK_USER, PF_FETCH | PF_USER);
	paging.efer &= ~0x800ull;
	expect_fault(&paging, GVA, WALK_EXEC, 0);
	paging.cr4 |= 1 << 20; /* SMEP */
	expect_fault(&paging, GVA, WALK_EXEC, PF_FETCH);
}

static void rights_of_all_levels_count(void **unused)
{
	struct guest_paging paging = long_mode();
	(void)unused;

	for (unsigned level = 4; level >= 1; level--) {
		uint64_t *entry = &memory[5 - level][level != 4];

		*entry &= ~US;
		expect_fault(&paging, GVA, USER_READ, PF_PRESENT | PF_USER);
		expect_gpa(&paging, GVA, WALK_WRITE, 0xabcde123);
		*entry |= US;
		*entry &= ~RW;
		expect_fault(&paging, GVA, WALK_WRITE, PF_PRESENT | PF_WRITE);
		expect_gpa(&paging, GVA, USER_READ, 0xabcde123);
		expect_gpa(&paging, GVA, WALK_WRITE | WALK_ANY, 0xabcde123);
		paging.cr0 &= ~0x10000ull;
		expect_gpa(&paging, GVA, WALK_WRITE, 0xabcde123);
		expect_fault(&paging, GVA, WALK_WRITE | WALK_USER, PF_PRESENT | PF_WRITE | PF_USER);
		paging.cr0 |= 0x10000;
		*entry |= RW | NX;
		expect_fault(&paging, GVA, WALK_EXEC, PF_PRESENT | PF_FETCH);
		expect_gpa(&paging, GVA, WALK_WRITE, 0xabcde123);
		*entry &= ~NX;
	}
	expect_gpa(&paging, GVA, RIGHTS_ALL, 0xabcde123);
}

static void not_present_stops_at_each_level(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	for (unsigned level = 1; level <= 4; level++) {
		memory[5 - level][level != 4] &= ~P;
		assert_int_equal(walk_to(&paging, GVA, WALK_READ | WALK_ANY, &walk), -EFAULT);
		assert_int_equal(walk.step_count, 5 - level);
		assert_int_equal(walk.step[4 - level].rights, 0);
		assert_int_equal(walk.step[4 - level].level, level);
	}
}

static void foreign_tables_are_refused(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	memory[2][1] = (uint64_t)PAGES * 4096 | ALL;
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), -ENXIO);
	assert_int_equal(walk.step_count, 2);
	memory[2][1] = 0xfffffff000 | ALL;
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), -ENXIO);
	paging.cr3 = ~0ull;
	assert_int_equal(walk_to(&paging, GVA, WALK_READ, &walk), -ENXIO);
	assert_int_equal(walk.step_count, 0);
}

static void looping_tables_end(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	for (unsigned i = 0; i < 512; i++)
		memory[1][i] = 0x1000 | ALL;
	assert_int_equal(walk_to(&paging, 0x123456789abc, WALK_READ, &walk), 0);
	assert_int_equal(walk.gpa, 0x1abc);
	assert_int_equal(table_calls, 4);
	paging.cr4 |= 1 << 12;
	assert_int_equal(walk_to(&paging, 0x123456789abc, WALK_READ, &walk), 0);
	assert_int_equal(table_calls, 5);
}

static void pcid_bits_of_cr3_do_not_count(void **unused)
{
	struct guest_paging paging = long_mode();
	(void)unused;

	paging.cr3 |= (1ull << 63) | 0xfff;
	expect_gpa(&paging, GVA, WALK_READ, 0xabcde123);
}

static void flags_are_set_as_asked(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	expect_gpa(&paging, GVA, WALK_WRITE, 0xabcde123);
	assert_int_equal(memory[4][1], 0xabcde000 | ALL);
	expect_gpa(&paging, GVA, WALK_READ | WALK_SET_AD, 0xabcde123);
	assert_int_equal(memory[1][0], 0x2000 | ALL | 0x20);
	assert_int_equal(memory[2][1], 0x3000 | ALL | 0x20);
	assert_int_equal(memory[4][1], 0xabcde000 | ALL | 0x20);
	assert_int_equal(walk_to(&paging, GVA, WALK_WRITE | WALK_SET_AD, &walk), 0);
	assert_int_equal(memory[3][1], 0x4000 | ALL | 0x20);
	assert_int_equal(memory[4][1], 0xabcde000 | ALL | 0x60);
	assert_int_equal(walk.step[3].value, 0xabcde000 | ALL | 0x60);
	/* a refused access sets nothing */
	clear_memory(NULL);
	memory[4][1] &= ~RW;
	expect_fault(&paging, GVA, WALK_WRITE | WALK_SET_AD, PF_PRESENT | PF_WRITE);
	assert_int_equal(memory[1][0], 0x2000 | ALL);
}

/* Another processor that changes an entry right after it was read. */
static void *racing_table(void *context, uint64_t gpa)
{
	if (gpa == 0x4000)
		memory[1][0] |= 0x200;
	return table(context, gpa);
}

static void flags_are_not_set_over_a_change(void **unused)
{
	struct guest_paging paging = long_mode();
	struct guest_walk walk;
	(void)unused;

	assert_int_equal(
		guest_walk(&paging, GVA, WALK_READ | WALK_SET_AD, racing_table, memory, &walk),
		-EAGAIN);
	assert_int_equal(memory[1][0], 0x2207);
}

/* Random tables, mostly valid: compare with a slow walk by other means. */
static bool naive_walk(uint64_t gva, uint64_t *gpa)
{
	uint64_t at = 0x1000;

	for (int shift = 39; shift >= 12; shift -= 9) {
		uint64_t entry;

		if (at / 4096 >= PAGES)
			return false;
		entry = memory[at / 4096][gva >> shift & 511];
		if (!(entry & 1) || (entry >> 40 & 0xfff) || (shift == 39 && (entry & PS)))
			return false;
		if (shift == 12 || (entry & PS)) {
			uint64_t offset = (1ull << shift) - 1;

			if (shift > 12 && (entry & offset & ~0x1fffull))
				return false;
			*gpa = (entry & 0xfffffff000 & ~offset) | (gva & offset);
			return true;
		}
		at = entry & 0xfffffff000;
	}
	return false;
}

static void random_tables_agree_with_a_slow_walk(void **unused)
{
	struct guest_paging paging = long_mode();
	uint64_t seed = 4711;
	unsigned good = 0;
	(void)unused;

	for (unsigned i = 0; i < PAGES; i++) {
		for (unsigned j = 0; j < 512; j++) {
			memory[i][j] = (random_below(&seed, PAGES + 1) << 12) | ALL;
			if (random_below(&seed, 8) == 0)
				memory[i][j] &= ~P;
			if (random_below(&seed, 8) == 0)
				memory[i][j] = (random_next(&seed) & 0xffc0000000) | ALL | PS;
			if (random_below(&seed, 30) == 0)
				memory[i][j] |= 1ull << random_below(&seed, 52);
		}
	}
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t gva = random_next(&seed) >> 17;
		uint64_t gpa = 0;
		bool expected = naive_walk(gva, &gpa);
		struct guest_walk walk;
		int err = walk_to(&paging, gva, WALK_READ, &walk);

		assert_int_equal(!err, expected);
		if (expected)
			assert_int_equal(walk.gpa, gpa);
		good += expected;
	}
	assert_in_range(good, 2000, 18000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(four_levels_record_each_step),
		TEST(canonical_addresses_only),
		TEST(large_pages),
		TEST(reserved_bits_of_each_level),
		TEST(error_codes_are_the_processors),
		TEST(rights_of_all_levels_count),
		TEST(not_present_stops_at_each_level),
		TEST(foreign_tables_are_refused),
		TEST(looping_tables_end),
		TEST(pcid_bits_of_cr3_do_not_count),
		TEST(flags_are_set_as_asked),
		TEST(flags_are_not_set_over_a_change),
		TEST(random_tables_agree_with_a_slow_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
