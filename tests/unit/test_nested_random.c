// SPDX-License-Identifier: MIT
// Sources: vmm/paging/nested.c vmm/paging/mtrr.c vmm/paging/pagetable.c vmm/paging/pt_pool.c
/* The guest-physical map against a naive model, at random. */
#include "random.h"
#include "nested_fixture.h"

#define MODEL_PAGES 1536u
#define MODEL_BASE  (SIZE_1G - SIZE_2M)
struct model_page {
	bool changed;
	uint64_t hpa;
	uint32_t rights;
};

static void compare(struct fixture *f, const struct model_page *model)
{
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		uint64_t gpa = MODEL_BASE + i * PAGE_BYTES;
		struct nested_page page = look(f, gpa);

		assert_int_equal(page.is_override, model[i].changed);
		assert_int_equal(page.hpa, model[i].changed ? model[i].hpa : gpa);
		assert_int_equal(page.rights, model[i].changed ? model[i].rights : RWX);
		assert_int_equal(page.type, mtrr_type(&f->mtrr, page.hpa, PAGE_BYTES));
	}
}

static void random_mtrr(struct fixture *f, uint64_t *seed)
{
	static const unsigned types[] = {MEMORY_UC, MEMORY_WC, MEMORY_WT, MEMORY_WP, MEMORY_WB};
	unsigned n = 1 + random_below(seed, 4);
	uint64_t mask = 0xfffffff000 << random_below(seed, 14);

	f->mtrr.base[n] = ((MODEL_BASE + random_below(seed, MODEL_PAGES) * PAGE_BYTES) & mask) |
			  types[random_below(seed, 5)];
	f->mtrr.mask[n] = (mask & 0xfffffff000) | (random_below(seed, 2) ? 1 << 11 : 0);
	if (random_below(seed, 8) == 0)
		f->mtrr.def_type ^= 0x800;
}

static void random_changes_agree_with_a_model(void **unused)
{
	static const uint32_t rights[] = {0, PT_READ, PT_READ | PT_WRITE, PT_READ | PT_EXEC, RWX};
	static struct model_page model[MODEL_PAGES];
	struct fixture f;
	uint64_t seed = 99;
	size_t before;
	(void)unused;

	start_with(&f, &pt_format_ept, 3, 4 * SIZE_1G, 40);
	before = f.memory.pool.free_pages;
	for (unsigned step = 0; step < 4000; step++) {
		unsigned i = random_below(&seed, MODEL_PAGES);
		uint64_t gpa = MODEL_BASE + i * PAGE_BYTES;
		uint64_t hpa = random_below(&seed, 1ull << 28) * PAGE_BYTES;
		uint32_t right = rights[random_below(&seed, 5)];

		switch (random_below(&seed, 20)) {
		case 0:
			random_mtrr(&f, &seed);
			assert_int_equal(nested_rebuild_types(&f.nested), 0);
			break;
		case 1 ... 6:
			assert_int_equal(nested_set(&f.nested, gpa, hpa, right), 0);
			model[i] = (struct model_page){true, hpa, right};
			break;
		default:
			assert_int_equal(nested_reset(&f.nested, gpa),
					 model[i].changed ? 0 : -ENOENT);
			model[i].changed = false;
			break;
		}
		if (step % 20 == 0)
			compare(&f, model);
		nested_flushed(&f.nested);
	}
	compare(&f, model);

	/* All back: then the tables must be as at the start. */
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		if (model[i].changed)
			assert_int_equal(nested_reset(&f.nested, MODEL_BASE + i * PAGE_BYTES), 0);
	}
	usual_mtrrs(&f.mtrr);
	assert_int_equal(nested_rebuild_types(&f.nested), 0);
	nested_flushed(&f.nested);
	assert_int_equal(f.memory.pool.free_pages, before);
	assert_int_equal(f.nested.overrides, 0);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
