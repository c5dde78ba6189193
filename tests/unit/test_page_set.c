// SPDX-License-Identifier: MIT
// Sources: vmm/base/page_set.c
/* The table of pages that show others, against a plain array, with pages that hash alike. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include "random.h"
#include "unit.h"
#include "base/page_set.h"

#define PLACES PAGE_SET_PART_PLACES
#define GROUPS 3
#define PAGES  600

struct page {
	uint64_t address;
	unsigned int owner;
	bool inside;
};

static struct page page[PAGES];
static unsigned int parts; /* that the table has been given */

static int put(uint64_t gpa, unsigned int owner)
{
	int result;

	while ((result = page_set_put(page_set_find(gpa), gpa, owner)) == -EAGAIN) {
		uint64_t *memory = aligned_alloc(PAGE_BYTES, PAGE_BYTES);

		for (uint64_t i = 0; i < PLACES; i++)
			memory[i] = 0;
		page_set_grow(gpa, memory);
		parts++;
	}
	return result;
}

static void shrink(uint64_t gpa)
{
	uint64_t *memory;

	while ((memory = page_set_shrink(gpa))) {
		free(memory);
		parts--;
	}
}

static void erase(uint64_t gpa)
{
	page_set_erase(page_set_find(gpa));
	shrink(gpa);
}

/* The place of a page in its part, by the bits of its hash behind those that tell the part. */
static uint64_t home(uint64_t gpa)
{
	return (page_set_hash(gpa) >> PAGE_SET_HASH_SHIFT) % PLACES;
}

/* Pages whose first choice lies in a few short runs of places, one of them around the end; those of
 * one part when they are alike, else of all parts. */
static void choose_pages(bool alike)
{
	static const uint64_t runs[GROUPS] = {0, 250, PLACES - 4};
	size_t count = 0;

	for (uint64_t gpa = 0; count < PAGES; gpa += PAGE_BYTES)
		for (int i = 0; i < GROUPS; i++)
			if (count < PAGES && (home(gpa) - runs[i]) % PLACES < 6 &&
			    (!alike || page_set_hash(gpa) >> 59 == 17)) {
				page[count++] = (struct page){.address = gpa};
				break;
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
	if (p->inside) {
		erase(p->address);
	} else {
		p->owner = random_below(random, PAGE_OWNER_MAX + 1);
		assert_int_equal(put(p->address, p->owner), 0);
	}
	p->inside = !p->inside;
}

static void take_all_out(uint64_t *random)
{
	for (size_t i = 0; i < PAGES; i++)
		if (page[i].inside)
			toggle(&page[i], random);
	check_all();
	assert_int_equal(parts, 0);
}

static void entries_stay_reachable(void **unused)
{
	uint64_t random = 42;
	(void)unused;

	for (int round = 0; round < 60000; round++) {
		/* Waves, from nearly empty to nearly all. */
		struct page *p = &page[random_below(&random, PAGES)];
		bool fill = round / 1500 % 2 == 0;

		if (round % 30000 == 0) {
			take_all_out(&random);
			choose_pages(round);
		}
		if (p->inside != fill || !random_below(&random, 8))
			toggle(p, &random);
		if (round % 1500 == 1499)
			assert_true(fill ? parts > 0 : parts < 3);
		if (round % 50 == 0)
			check_all();
	}
	check_all();
	take_all_out(&random);
}

/* As who ends an owner does: what is erased makes the table smaller on the way. */
static unsigned int erase_owner(unsigned int owner)
{
	unsigned int erased = 0, in_part = 0;
	uint32_t position = 0;
	uint64_t *entry, gpa = 0;

	while (position < PAGE_SET_END) {
		while ((entry = page_set_next(&position, owner))) {
			assert_int_equal(page_owner(*entry), owner);
			gpa = page_address_of(*entry);
			page_set_erase(entry);
			position--;
			in_part++;
		}
		if (in_part)
			shrink(gpa);
		erased += in_part;
		in_part = 0;
		position = page_set_resume(position);
	}
	return erased;
}

static void owners_are_found(void **unused)
{
	const uint64_t pages = 20000;
	uint64_t random = 7, other = 0;
	unsigned int least;
	(void)unused;

	for (uint64_t i = 0; i < pages; i++) {
		unsigned int owner = random_below(&random, 9) ? 5 : 6;

		assert_int_equal(put(i * PAGE_BYTES, owner), 0);
		other += owner == 6;
	}
	least = parts;
	assert_int_equal(erase_owner(7), 0);
	assert_int_equal(erase_owner(5), pages - other);
	assert_in_range(parts, 1, least / 2);
	assert_int_equal(erase_owner(5), 0);
	assert_int_equal(erase_owner(6), other);
	assert_int_equal(parts, 0);
}

/* Parts that come and go while an owner's pages are taken out: none is left out. */
static void others_may_come_between(void **unused)
{
	const uint64_t pages = 20000;
	unsigned int erased = 0;
	uint32_t position = 0;
	uint64_t *entry;
	(void)unused;

	for (uint64_t i = 0; i < pages; i++)
		assert_int_equal(put(i * PAGE_BYTES, i % 2), 0);
	for (uint64_t round = 0; position < PAGE_SET_END; round++) {
		for (int i = 0; i < 50 && (entry = page_set_next(&position, 1)); i++) {
			page_set_erase(entry);
			position--;
			erased++;
		}
		/* Of the other owner they first come in crowds and then go. */
		for (uint64_t i = 0; i < 100; i++) {
			uint64_t gpa = (pages + round % 100 * 100 + i) * PAGE_BYTES;

			if (round % 200 < 100)
				assert_int_equal(put(gpa, 0), 0);
			else
				erase(gpa);
		}
		position = page_set_resume(position);
	}
	assert_int_equal(erased, pages / 2);
	erase_owner(0);
	for (uint64_t gpa = 0; gpa < pages * PAGE_BYTES; gpa += PAGE_BYTES)
		shrink(gpa);
	assert_int_equal(parts, 0);
}

static void a_full_table_refuses(void **unused)
{
	(void)unused;
	for (uint64_t i = 0; i < PAGE_SET_MAX; i++)
		assert_int_equal(put(i * PAGE_BYTES, 0), 0);
	assert_int_equal(put(-PAGE_BYTES, 0), -ENOSPC);
	assert_int_equal(*page_set_find(-PAGE_BYTES), 0);
	/* It has grown no more than it needs. */
	assert_true(parts < 2 * PAGE_SET_MAX / (PLACES * 3 / 8));
	erase(77 * PAGE_BYTES);
	assert_int_equal(put(-PAGE_BYTES, 0), 0);
	for (uint64_t i = 0; i < PAGE_SET_MAX; i++)
		if (i != 77)
			erase(i * PAGE_BYTES);
	erase(-PAGE_BYTES);
	assert_int_equal(parts, 0);
}

/* Pages whose hashes have so much in common that no division parts them. */
static void pages_that_hash_alike_are_refused(void **unused)
{
	static uint64_t alike[PLACES];
	uint64_t count = 0, gpa = 0;
	(void)unused;

	for (; count < PLACES; gpa += PAGE_BYTES)
		if (page_set_hash(gpa) >> 56 == 0xa5)
			alike[count++] = gpa;
	for (uint64_t i = 0; i < PLACES - 1; i++)
		assert_int_equal(put(alike[i], 3), 0);
	assert_int_equal(put(alike[PLACES - 1], 3), -ENOSPC);
	assert_int_equal(*page_set_find(alike[PLACES - 1]), 0);
	for (uint64_t i = 0; i < PLACES - 1; i++)
		assert_int_equal(page_address_of(*page_set_find(alike[i])), alike[i]);
	for (uint64_t i = 0; i < PLACES - 1; i++)
		erase(alike[i]);
	assert_int_equal(parts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stay_reachable),
		cmocka_unit_test(owners_are_found),
		cmocka_unit_test(others_may_come_between),
		cmocka_unit_test(a_full_table_refuses),
		cmocka_unit_test(pages_that_hash_alike_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
