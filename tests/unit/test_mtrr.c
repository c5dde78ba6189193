// SPDX-License-Identifier: MIT
// Sources: vmm/paging/mtrr.c
/* Memory types from MTRRs: fixed and variable, overlapping, off. */
#include <stdbool.h>
#include "unit.h"
#include "random.h"
#include "paging/mtrr.h"

#define VALID   (1ull << 11)
#define ENABLED (1ull << 11)
#define FIXED   (1ull << 10)
#define MIB     (1ull << 20)
#define GIB     (1ull << 30)

static struct mtrr_state state(unsigned default_type)
{
	return (struct mtrr_state){
		.cap = 0x508, /* 8 variable ranges, fixed ranges, WC */
		.def_type = ENABLED | default_type,
		.physical_bits = 36,
	};
}

/* A usual variable range: bytes is a power of two and base a multiple of it. */
static void add(struct mtrr_state *mtrr, unsigned n, uint64_t base, uint64_t bytes, unsigned type)
{
	mtrr->base[n] = base | type;
	mtrr->mask[n] = (~(bytes - 1) & ((1ull << mtrr->physical_bits) - 1)) | VALID;
}

static int at(const struct mtrr_state *mtrr, uint64_t physical)
{
	uint64_t end;

	return mtrr_type_at(mtrr, physical, &end);
}

static void default_type_counts_without_ranges(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_WB);
	(void)unused;

	assert_int_equal(mtrr_type(&mtrr, 0, 1ull << 36), MEMORY_WB);
	mtrr.def_type = ENABLED | MEMORY_WP;
	assert_int_equal(at(&mtrr, 123456), MEMORY_WP);
}

static void all_is_uc_when_disabled(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_WB);
	(void)unused;

	add(&mtrr, 0, 0, GIB, MEMORY_WB);
	mtrr.fixed[0] = 0x0606060606060606;
	mtrr.def_type = MEMORY_WB | FIXED;
	assert_int_equal(mtrr_type(&mtrr, 0, 1ull << 36), MEMORY_UC);
}

static void variable_range_has_exact_edges(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	add(&mtrr, 3, 2 * GIB, 256 * MIB, MEMORY_WB);
	assert_int_equal(at(&mtrr, 2 * GIB - 1), MEMORY_UC);
	assert_int_equal(at(&mtrr, 2 * GIB), MEMORY_WB);
	assert_int_equal(at(&mtrr, 2 * GIB + 256 * MIB - 1), MEMORY_WB);
	assert_int_equal(at(&mtrr, 2 * GIB + 256 * MIB), MEMORY_UC);
	assert_int_equal(mtrr_type(&mtrr, 2 * GIB, 256 * MIB), MEMORY_WB);
	assert_int_equal(mtrr_type(&mtrr, 2 * GIB, 256 * MIB + 1), MTRR_MIXED);
	assert_int_equal(mtrr_type(&mtrr, 2 * GIB - 1, 2), MTRR_MIXED);
	assert_int_equal(mtrr_type(&mtrr, 0, 2 * GIB), MEMORY_UC);
	mtrr.mask[3] &= ~VALID;
	assert_int_equal(mtrr_type(&mtrr, 0, 1ull << 36), MEMORY_UC);
}

static void overlaps_follow_precedence(void **unused)
{
	static const struct {
		unsigned a, b, result;
	} cases[] = {
		{MEMORY_UC, MEMORY_WB, MEMORY_UC},
		{MEMORY_UC, MEMORY_WT, MEMORY_UC},
		{MEMORY_UC, MEMORY_WC, MEMORY_UC},
		{MEMORY_UC, MEMORY_WP, MEMORY_UC},
		{MEMORY_WT, MEMORY_WB, MEMORY_WT},
		{MEMORY_WB, MEMORY_WB, MEMORY_WB},
		{MEMORY_WC, MEMORY_WC, MEMORY_WC},
		{MEMORY_WP, MEMORY_WP, MEMORY_WP},
		{MEMORY_WT, MEMORY_WT, MEMORY_WT},
		/* not defined by the manual */
		{MEMORY_WC, MEMORY_WB, MEMORY_UC},
		{MEMORY_WC, MEMORY_WT, MEMORY_UC},
		{MEMORY_WP, MEMORY_WB, MEMORY_UC},
		{MEMORY_WP, MEMORY_WT, MEMORY_UC},
		{MEMORY_WC, MEMORY_WP, MEMORY_UC},
	};
	(void)unused;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mtrr_state mtrr = state(MEMORY_WB);

		add(&mtrr, 0, 0, 4 * GIB, cases[i].a);
		add(&mtrr, 7, GIB, 16 * MIB, cases[i].b);
		assert_int_equal(at(&mtrr, GIB), cases[i].result);
		assert_int_equal(at(&mtrr, GIB + 16 * MIB), cases[i].a);
		add(&mtrr, 0, 0, 4 * GIB, cases[i].b);
		add(&mtrr, 7, GIB, 16 * MIB, cases[i].a);
		assert_int_equal(at(&mtrr, GIB), cases[i].result);
	}
}

static void three_ranges_overlap(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	add(&mtrr, 0, 0, GIB, MEMORY_WB);
	add(&mtrr, 1, 0, 512 * MIB, MEMORY_WT);
	add(&mtrr, 2, 0, 256 * MIB, MEMORY_UC);
	assert_int_equal(at(&mtrr, 0), MEMORY_UC);
	assert_int_equal(at(&mtrr, 256 * MIB), MEMORY_WT);
	assert_int_equal(at(&mtrr, 512 * MIB), MEMORY_WB);
	assert_int_equal(at(&mtrr, GIB), MEMORY_UC);
}

static void fixed_ranges_go_first_where_enabled(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	add(&mtrr, 0, 0, GIB, MEMORY_WB);
	for (unsigned i = 0; i < MTRR_FIXED_COUNT; i++)
		mtrr.fixed[i] = 0x0606060606060606;
	mtrr.fixed[0] = 0x0406060606060605;  /* 0x00000 WP, 0x70000 WT */
	mtrr.fixed[1] = 0x0106060606060606;  /* 0x9c000 WC */
	mtrr.fixed[2] = 0x0000000000000000;  /* 0xa0000 to 0xbffff */
	mtrr.fixed[3] = 0x0606060606060005;  /* 0xc0000 WP, 0xc1000 UC */
	mtrr.fixed[10] = 0x0506060606060606; /* 0xff000 WP */

	assert_int_equal(at(&mtrr, 0), MEMORY_WB); /* not enabled yet */
	mtrr.def_type |= FIXED;
	assert_int_equal(mtrr_type(&mtrr, 0, 0x10000), MEMORY_WP);
	assert_int_equal(mtrr_type(&mtrr, 0x10000, 0x60000), MEMORY_WB);
	assert_int_equal(mtrr_type(&mtrr, 0x70000, 0x10000), MEMORY_WT);
	assert_int_equal(mtrr_type(&mtrr, 0x80000, 0x1c000), MEMORY_WB);
	assert_int_equal(mtrr_type(&mtrr, 0x9c000, 0x4000), MEMORY_WC);
	assert_int_equal(mtrr_type(&mtrr, 0xa0000, 0x20000), MEMORY_UC);
	assert_int_equal(mtrr_type(&mtrr, 0xc0000, 0x1000), MEMORY_WP);
	assert_int_equal(mtrr_type(&mtrr, 0xc1000, 0x1000), MEMORY_UC);
	assert_int_equal(mtrr_type(&mtrr, 0xc2000, 0x3d000), MEMORY_WB);
	assert_int_equal(at(&mtrr, 0xfffff), MEMORY_WP);
	assert_int_equal(at(&mtrr, 0x100000), MEMORY_WB);
	assert_int_equal(mtrr_type(&mtrr, 0xff000, 0x2000), MTRR_MIXED);
	mtrr.cap &= ~0x100ull; /* the processor has none */
	assert_int_equal(mtrr_type(&mtrr, 0, GIB), MEMORY_WB);
}

static void reserved_types_are_uc(void **unused)
{
	struct mtrr_state mtrr = state(2);
	(void)unused;

	assert_int_equal(at(&mtrr, 0), MEMORY_UC);
	add(&mtrr, 0, 0, GIB, 3);
	assert_int_equal(at(&mtrr, 0), MEMORY_UC);
	mtrr.fixed[0] = 0xff;
	mtrr.def_type |= FIXED;
	assert_int_equal(at(&mtrr, 0), MEMORY_UC);
}

static void count_is_bounded(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	mtrr.cap = 0x1ff;
	assert_int_equal(mtrr_variable_count(&mtrr), MTRR_VARIABLE_MAX);
	mtrr.cap = 0x102;
	add(&mtrr, 2, 0, GIB, MEMORY_WB); /* beyond the count */
	assert_int_equal(at(&mtrr, 0), MEMORY_UC);
}

static void bits_beyond_the_width_do_not_count(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	add(&mtrr, 0, 0, GIB, MEMORY_WB);
	mtrr.mask[0] |= ~0ull << 36;
	mtrr.base[0] |= 1ull << 40;
	assert_int_equal(mtrr_type(&mtrr, 0, GIB), MEMORY_WB);
}

static void empty_mask_holds_everything(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_UC);
	(void)unused;

	mtrr.base[0] = MEMORY_WT;
	mtrr.mask[0] = VALID;
	assert_int_equal(mtrr_type(&mtrr, 0, 1ull << 36), MEMORY_WT);
}

/* Who builds a map of all memory asks about few places only. */
static void ranges_told_are_long(void **unused)
{
	struct mtrr_state mtrr = state(MEMORY_WB);
	unsigned steps = 0;
	(void)unused;

	add(&mtrr, 0, 3 * GIB, GIB, MEMORY_UC);
	add(&mtrr, 1, 0x87654000, 0x1000, MEMORY_WC);
	for (uint64_t end, at = 0; at < 1ull << 36; at = end, steps++)
		mtrr_type_at(&mtrr, at, &end);
	assert_in_range(steps, 4, 50);
}

/* The manual's words, slowly: no ends of ranges. */
static int naive_type(const struct mtrr_state *mtrr, uint64_t physical)
{
	bool seen[8] = {0};
	unsigned types = 0, last = 0;

	for (unsigned n = 0; n < 8; n++) {
		uint64_t mask = mtrr->mask[n] & 0xffffff000;

		if (!(mtrr->mask[n] & VALID) || (physical & mask) != (mtrr->base[n] & mask))
			continue;
		last = mtrr->base[n] & 7;
		types += !seen[last];
		seen[last] = true;
	}
	if (!types)
		return mtrr->def_type & 7;
	if (types == 1)
		return last;
	return types == 2 && seen[MEMORY_WT] && seen[MEMORY_WB] ? MEMORY_WT : MEMORY_UC;
}

static void random_ranges_agree_with_the_manual(void **unused)
{
	static const unsigned types[] = {MEMORY_UC, MEMORY_WC, MEMORY_WT, MEMORY_WP, MEMORY_WB};
	uint64_t seed = 42;
	(void)unused;

	for (unsigned round = 0; round < 300; round++) {
		struct mtrr_state mtrr = state(types[random_below(&seed, 5)]);

		for (unsigned n = 0; n < 8; n++) {
			uint64_t mask = ~0ull << (12 + random_below(&seed, 24));

			if (random_below(&seed, 3) == 0)
				mask &= random_next(&seed) | random_next(&seed); /* holes */
			mtrr.base[n] = (random_next(&seed) & mask & 0xffffff000) |
				       types[random_below(&seed, 5)];
			mtrr.mask[n] = (mask & 0xffffff000) | (random_below(&seed, 4) ? VALID : 0);
		}
		for (unsigned probe = 0; probe < 50; probe++) {
			uint64_t physical = random_next(&seed) & 0xfffffffff;
			uint64_t end;
			int type = mtrr_type_at(&mtrr, physical, &end);

			assert_int_equal(type, naive_type(&mtrr, physical));
			assert_true(end > physical);
			/* The type holds in all the range told. */
			if (end > 1ull << 36)
				end = 1ull << 36;
			assert_int_equal(naive_type(&mtrr, end - 1), type);
			for (unsigned i = 0; i < 20; i++)
				assert_int_equal(
					naive_type(&mtrr,
						   physical + random_below(&seed, end - physical)),
					type);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_type_counts_without_ranges),
		cmocka_unit_test(all_is_uc_when_disabled),
		cmocka_unit_test(variable_range_has_exact_edges),
		cmocka_unit_test(overlaps_follow_precedence),
		cmocka_unit_test(three_ranges_overlap),
		cmocka_unit_test(fixed_ranges_go_first_where_enabled),
		cmocka_unit_test(reserved_types_are_uc),
		cmocka_unit_test(count_is_bounded),
		cmocka_unit_test(bits_beyond_the_width_do_not_count),
		cmocka_unit_test(empty_mask_holds_everything),
		cmocka_unit_test(ranges_told_are_long),
		cmocka_unit_test(random_ranges_agree_with_the_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
