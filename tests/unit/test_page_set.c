// SPDX-License-Identifier: MIT
// Sources: vmm/base/page_set.c
/* The table of pages that show others, against a plain array, with pages that hash alike. */
#include <errno.h>
#include <stdbool.h>
#include "random.h"
#include "unit.h"
#include "base/page_set.h"

#define PLACES (2 * PAGE_SET_MAX)
#define GROUPS 3
#define PAGES  600

struct page {
	uint64_t address;
	unsigned int owner;
	bool inside;
};

static struct page page[PAGES];

/* Pages whose first choice lies in a few short runs of places, one of them around the end. */
static void choose_pages(void)
{
	static const uint64_t runs[GROUPS] = {0, 4000, PLACES - 4};
	uint64_t *base = page_set_find(0);
	size_t count = 0;

	/* In an empty table a page's place is where it would go; the lowest is the table's start.
	 */
	for (uint64_t gpa = 0; gpa < 100000 * PAGE_BYTES; gpa += PAGE_BYTES)
		if (page_set_find(gpa) < base)
			base = page_set_find(gpa);
	for (uint64_t gpa = 0; count < PAGES; gpa += PAGE_BYTES) {
		uint64_t place = page_set_find(gpa) - base;

		for (int i = 0; i < GROUPS; i++)
			if (count < PAGES && (place - runs[i]) % PLACES < 6) {
				page[count++] = (struct page){.address = gpa};
				break;
			}
	}
}

static void check_all(void)
{
	for (size_t i = 0; i < PAGES; i++) {
		uint64_t entry = *page_set_find(page[i].address);

		if (!page[i].inside) {
			assert_int_equal(entry, 0);
			continue;
		}
		assert_int_equal(page_address_of(entry), page[i].address);
		assert_int_equal(page_owner(entry), page[i].owner);
		assert_true(entry & PAGE_IN_USE);
	}
}

static void toggle(struct page *p, uint64_t *random)
{
	uint64_t *entry = page_set_find(p->address);

	if (p->inside) {
		page_set_erase(entry);
	} else {
		p->owner = random_below(random, PAGE_OWNER_MAX + 1);
		assert_int_equal(page_set_put(entry, p->address, p->owner), 0);
	}
	p->inside = !p->inside;
}

static void entries_stay_reachable(void **unused)
{
	uint64_t random = 42;
	(void)unused;

	choose_pages();
	for (int i = 0; i < 30000; i++) {
		/* Waves, from nearly empty to nearly all. */
		struct page *p = &page[random_below(&random, PAGES)];
		bool fill = i / 1500 % 2 == 0;

		if (p->inside != fill || !random_below(&random, 8))
			toggle(p, &random);
		if (i % 50 == 0)
			check_all();
	}
	check_all();
	for (size_t i = 0; i < PAGES; i++)
		if (page[i].inside)
			toggle(&page[i], &random);
	check_all();
}

static void owners_are_found(void **unused)
{
	uint64_t random = 7;
	unsigned int found = 0, expected = 0;
	uint32_t position = 0;
	uint64_t *entry;
	(void)unused;

	for (size_t i = 0; i < PAGES; i++) {
		toggle(&page[i], &random);
		expected += page[i].owner == 5;
	}
	for (size_t i = 0; i < 20; i++) {
		toggle(&page[i], &random);
		expected -= page[i].owner == 5;
	}
	while ((entry = page_set_next(&position, 5))) {
		assert_int_equal(page_owner(*entry), 5);
		found++;
	}
	assert_int_equal(found, expected);
	for (size_t i = 0; i < PAGES; i++)
		if (page[i].inside)
			toggle(&page[i], &random);
}

static void a_full_table_refuses(void **unused)
{
	(void)unused;
	for (uint64_t i = 0; i < PAGE_SET_MAX; i++)
		assert_int_equal(page_set_put(page_set_find(i * PAGE_BYTES), i * PAGE_BYTES, 0), 0);
	assert_int_equal(page_set_put(page_set_find(-PAGE_BYTES), -PAGE_BYTES, 0), -ENOSPC);
	assert_int_equal(*page_set_find(-PAGE_BYTES), 0);
	page_set_erase(page_set_find(77 * PAGE_BYTES));
	assert_int_equal(page_set_put(page_set_find(-PAGE_BYTES), -PAGE_BYTES, 0), 0);
	for (uint64_t i = 0; i < PAGE_SET_MAX; i++)
		if (i != 77)
			page_set_erase(page_set_find(i * PAGE_BYTES));
	page_set_erase(page_set_find(-PAGE_BYTES));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stay_reachable),
		cmocka_unit_test(owners_are_found),
		cmocka_unit_test(a_full_table_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
