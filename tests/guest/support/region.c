// SPDX-License-Identifier: MIT
/* A process's own memory for buffers, beside pages that nobody may touch. */
#include <string.h>
#include <sys/mman.h>

#include "../unit/random.h"
#include "support/check.h"
#include "support/region.h"

#define MARGIN (64ull << 20)

uint8_t *region;

void make_region(void)
{
	uint8_t *all = mmap(NULL, 2 * MARGIN, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(all != MAP_FAILED);
	region = all + MARGIN;
	CHECK(!mprotect(region, REGION_PAGES * PAGE, PROT_READ | PROT_WRITE));
	memset(region, 0x5a, REGION_PAGES * PAGE);
	CHECK(!mprotect(region + REGION_READONLY * PAGE, PAGE, PROT_READ));
}

uint64_t some_pointer(uint64_t *random, const struct world *world)
{
	switch (random_below(random, 12)) {
	case 0:
		return random_below(random, 0x10000);
	case 1:
		return (uintptr_t)region + REGION_PAGES * PAGE - random_below(random, 64);
	case 2:
		return (uintptr_t)region + REGION_READONLY * PAGE - random_below(random, 64);
	case 3:
		return (uintptr_t)region + (random_below(random, 2) ? -1ll : 1ll) *
						   (int64_t)random_below(random, MARGIN);
	case 4:
		return 0x7ffffffff000 - random_below(random, 64);
	case 5:
		return world->arena.kernel_virtual + random_below(random, PAGE);
	case 6:
		return 1ull << (47 + random_below(random, 17));
	case 7:
		return -random_below(random, PAGE);
	default:
		return (uintptr_t)region + random_below(random, (REGION_PAGES - 16) * PAGE);
	}
}

bool is_harmless_pointer(uint64_t pointer)
{
	uint64_t offset = pointer - (uintptr_t)region + MARGIN / 2;

	return offset < MARGIN || pointer < 0x10000 || pointer >= 0x7ffffffff000 - 64;
}

void spoil_version(uint8_t *pointer)
{
	for (int i = 0; i < 4; i++) {
		uint64_t page = ((uintptr_t)pointer + i - (uintptr_t)region) / PAGE;

		if (page < REGION_PAGES && page != REGION_READONLY)
			pointer[i] = 0xee;
	}
}
