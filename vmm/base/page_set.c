// SPDX-License-Identifier: MIT
/*
 * The pages that show others, or may at any time. A part of the table has all pages whose hash
 * begins with the same bits. One that fills is divided by one bit more, and two that differ in
 * their last bit alone become one when they empty.
 */
#include "base/page_set.h"
#include <stddef.h>
#include "base/errno.h"

#define PLACES PAGE_SET_PART_PLACES
#define PARTS  PAGE_SET_PARTS_MAX
/* Pages of a part that is to be divided; of one that cannot be, since a search ends at a free
 * place; and of two together that are to be one. */
#define FULL        (PLACES * 3 / 4)
#define FULL_AT_END (PLACES - 1)
#define EMPTY       (PLACES / 4)

_Static_assert(PARTS *PLACES == 1ull << (64 - PAGE_SET_HASH_SHIFT), "and the places behind them");
_Static_assert(PAGE_SET_MAX < PARTS * FULL / 2, "by a usual hash no part is divided to the end");

static uint64_t first[PLACES] __attribute__((aligned(PAGE_BYTES)));

uint64_t *page_set_part[PARTS] = {[0 ... PARTS - 1] = first};

static uint8_t depth[PARTS]; /* of the part that a number belongs to: by how many bits it is told */
static uint16_t count[PARTS]; /* at its first number: its pages */
static uint32_t set_count;

/* How many numbers belong to the same part, and the first one of them. */
static uint32_t width(uint32_t number)
{
	return PARTS >> depth[number];
}

static uint32_t begin_of(uint32_t number)
{
	return number & ~(width(number) - 1);
}

static uint64_t place_of(uint64_t gpa)
{
	return page_set_hash(gpa) >> PAGE_SET_HASH_SHIFT;
}

static uint32_t begin_for(uint64_t gpa)
{
	return begin_of(place_of(gpa) / PLACES);
}

static void point(uint32_t begin, uint32_t numbers, uint64_t *part)
{
	for (uint32_t i = begin; i < begin + numbers; i++)
		__atomic_store_n(&page_set_part[i], part, __ATOMIC_RELEASE);
}

static void set_depth(uint32_t begin, uint32_t numbers, uint8_t bits)
{
	for (uint32_t i = begin; i < begin + numbers; i++)
		depth[i] = bits;
}

/* To where it goes in a part that has room. */
static void copy_to(uint64_t *part, uint64_t entry)
{
	uint64_t i = place_of(page_address_of(entry)) % PLACES;

	while (part[i])
		i = (i + 1) % PLACES;
	entry_write(&part[i], entry);
}

/* Every remaining entry stays reachable from its place. */
static void erase_in(uint64_t *part, uint64_t hole)
{
	uint64_t i = hole;

	for (;;) {
		uint64_t home;

		entry_write(&part[hole], 0);
		do {
			i = (i + 1) % PLACES;
			if (!part[i])
				return;
			home = place_of(page_address_of(part[i])) % PLACES;
		} while (hole <= i ? (hole < home && home <= i) : (hole < home || home <= i));
		entry_write(&part[hole], part[i]);
		hole = i;
	}
}

void page_set_grow(uint64_t gpa, uint64_t *memory)
{
	uint32_t begin = begin_for(gpa), half = width(begin) / 2, upper = begin + half;
	uint64_t *part = page_set_part[begin];

	set_depth(begin, 2 * half, depth[begin] + 1);
	count[upper] = 0;
	for (uint64_t i = 0; i < PLACES; i++)
		if (part[i] && place_of(page_address_of(part[i])) / PLACES >= upper) {
			copy_to(memory, part[i]);
			count[upper]++;
		}
	point(upper, half, memory);
	count[begin] -= count[upper];
	/* What moves into a hole comes from behind it, or from the begin, which has been looked at.
	 */
	for (uint64_t i = 0; i < PLACES; i++)
		while (part[i] && place_of(page_address_of(part[i])) / PLACES >= upper)
			erase_in(part, i);
}

int page_set_put(uint64_t *entry, uint64_t gpa, unsigned owner)
{
	uint32_t begin = begin_for(gpa);

	if (set_count == PAGE_SET_MAX)
		return -ENOSPC;
	if (count[begin] >= FULL && depth[begin] < PAGE_SET_DEPTH_MAX)
		return -EAGAIN;
	if (count[begin] == FULL_AT_END)
		return -ENOSPC;
	entry_write(entry, gpa | PAGE_IN_USE | (uint64_t)owner << PAGE_OWNER_SHIFT);
	count[begin]++;
	set_count++;
	return 0;
}

void page_set_erase(uint64_t *entry)
{
	uint32_t begin = begin_for(page_address_of(*entry));

	count[begin]--;
	set_count--;
	erase_in(page_set_part[begin], entry - page_set_part[begin]);
}

uint64_t *page_set_shrink(uint64_t gpa)
{
	uint32_t begin = begin_for(gpa), numbers = width(begin);
	uint32_t lower = begin & ~(2 * numbers - 1), upper = lower + numbers;
	uint64_t *memory = page_set_part[upper % PARTS];

	if (numbers == PARTS || depth[lower] != depth[begin] || depth[upper] != depth[begin] ||
	    count[lower] + count[upper] > EMPTY)
		return NULL;
	for (uint64_t i = 0; i < PLACES; i++)
		if (memory[i])
			copy_to(page_set_part[lower], memory[i]);
	point(upper, numbers, page_set_part[lower]);
	count[lower] += count[upper];
	set_depth(lower, 2 * numbers, depth[lower] - 1);
	return memory;
}

uint64_t *page_set_next(uint32_t *position, unsigned owner)
{
	uint32_t number = *position / PLACES, begin = begin_of(number);

	for (uint32_t i = *position % PLACES; i < PLACES; i++) {
		uint64_t *entry = &page_set_part[begin][i];

		if (*entry && page_owner(*entry) == owner) {
			*position = begin * PLACES + i + 1;
			return entry;
		}
	}
	*position = (begin + width(begin)) * PLACES;
	return NULL;
}

uint32_t page_set_resume(uint32_t position)
{
	return position < PAGE_SET_END ? begin_of(position / PLACES) * PLACES : position;
}
