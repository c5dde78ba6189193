// SPDX-License-Identifier: MIT
/* The pages that show others, or may at any time: a hash table by address. */
#include "base/page_set.h"
#include <stddef.h>
#include "base/errno.h"

/* At most half full, so that searches are short. */
#define PLACES (PAGE_SET_MAX * 2)

static uint64_t set[PLACES];
static uint32_t set_count;

static uint64_t place_of(uint64_t gpa)
{
	return (gpa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 51;
}

_Static_assert(PLACES == 1 << 13, "place_of() gives 13 bits");

uint64_t *page_set_find(uint64_t gpa)
{
	uint64_t i = place_of(gpa), entry;

	while ((entry = entry_read(&set[i])) && page_address_of(entry) != gpa)
		i = (i + 1) % PLACES;
	return &set[i];
}

int page_set_put(uint64_t *entry, uint64_t gpa, unsigned owner)
{
	if (set_count == PAGE_SET_MAX)
		return -ENOSPC;
	entry_write(entry, gpa | PAGE_IN_USE | (uint64_t)owner << PAGE_OWNER_SHIFT);
	set_count++;
	return 0;
}

/* Every remaining entry stays reachable from its place. */
void page_set_erase(uint64_t *entry)
{
	uint64_t hole = entry - set, i = hole;

	set_count--;
	for (;;) {
		uint64_t home;

		entry_write(&set[hole], 0);
		do {
			i = (i + 1) % PLACES;
			if (!set[i])
				return;
			home = place_of(page_address_of(set[i]));
		} while (hole <= i ? (hole < home && home <= i) : (hole < home || home <= i));
		entry_write(&set[hole], set[i]);
		hole = i;
	}
}

uint64_t *page_set_next(uint32_t *position, unsigned owner)
{
	while (*position < PLACES) {
		uint64_t *entry = &set[(*position)++];

		if (*entry && page_owner(*entry) == owner)
			return entry;
	}
	return NULL;
}
