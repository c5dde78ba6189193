// SPDX-License-Identifier: MIT
// Sources: vmm/paging/pagetable.c vmm/paging/pt_pool.c
/* Page tables against a naive model, at random. */
#include "random.h"
#include "pagetable_fixture.h"

/* A naive model: one record per 4 KiB page of a window that crosses a 1 GiB border. */
#define MODEL_PAGES 2048u
#define MODEL_BASE  (SIZE_1G - SIZE_2M * 2)
struct model_page {
	bool mapped;
	uint64_t physical;
	uint32_t attr;
};

static void compare(struct fixture *f, const struct model_page *model)
{
	for (unsigned i = 0; i < MODEL_PAGES; i++) {
		uint64_t va = MODEL_BASE + i * PAGE_BYTES;

		if (!model[i].mapped) {
			assert_int_equal(physical_at(f, va), ~0ull);
			continue;
		}
		assert_int_equal(physical_at(f, va), model[i].physical);
		assert_int_equal(attr_at(f, va), model[i].attr);
	}
}

static void random_step(struct fixture *f, struct model_page *model, uint64_t *seed)
{
	static const uint32_t attrs[] = {RWX | WB, PT_READ | WB, RWX | PT_TYPE(MEMORY_UC), WB,
					 PT_READ | PT_EXEC | WB | PT_PINNED};
	unsigned at = random_below(seed, MODEL_PAGES);
	unsigned count = 1 + random_below(seed, MODEL_PAGES - at);
	uint64_t va, physical;
	uint32_t attr = attrs[random_below(seed, 5)];
	bool overlap = false;
	int err;

	if (random_below(seed, 2)) { /* often whole 2 MiB */
		at &= ~511u;
		count = (count + 511) & ~511u;
	}
	va = MODEL_BASE + at * PAGE_BYTES;
	physical = random_below(seed, 2) ? va : random_below(seed, 1000) * PAGE_BYTES;
	switch (random_below(seed, 6)) {
	case 0:
		for (unsigned i = 0; i < count; i++)
			overlap |= model[at + i].mapped;
		err = pt_map(&f->pt, va, physical, count * PAGE_BYTES, attr);
		assert_true(err == (overlap ? -EEXIST : 0) || err == -ENOMEM);
		for (unsigned i = 0; !err && i < count; i++)
			model[at + i] = (struct model_page){true, physical + i * PAGE_BYTES, attr};
		break;
	case 1:
		err = pt_unmap(&f->pt, va, count * PAGE_BYTES, &f->garbage);
		assert_true(!err || err == -ENOMEM);
		for (unsigned i = 0; !err && i < count; i++)
			model[at + i].mapped = false;
		break;
	case 2:
		err = pt_set_page(&f->pt, va, physical, attr);
		assert_true(!err || err == -ENOMEM);
		if (!err)
			model[at] = (struct model_page){true, physical, attr};
		break;
	case 3:
		err = pt_split(&f->pt, va, 1 + random_below(seed, 2));
		assert_true(err == (model[at].mapped ? 0 : -ENOENT) || err == -ENOMEM);
		break;
	case 4:
		pt_merge(&f->pt, va, &f->garbage);
		break;
	default:
		pt_garbage_free(&f->memory.pool, &f->garbage);
		break;
	}
}

static void random_operations_agree_with_a_model(void **unused)
{
	static struct model_page model[MODEL_PAGES];
	uint64_t seed = 20181;
	(void)unused;

	for (unsigned round = 0; round < 8; round++) {
		struct fixture f;

		memset(model, 0, sizeof(model));
		/* some rounds with a pool that runs out */
		start(&f, &pt_format_ept, 4 + round % 2, 2 + round / 2 % 2, round < 4 ? 20 : 9);
		for (unsigned step = 0; step < 1500; step++) {
			random_step(&f, model, &seed);
			if (step % 10 == 0)
				compare(&f, model);
		}
		compare(&f, model);
		finish(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
