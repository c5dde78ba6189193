// SPDX-License-Identifier: MIT
/* The trampoline and the crossings once more in the image's tables, where the system has them. */
#include "base/errno.h"
#include "base/log.h"
#include "paging/memory.h"

/* Three tables for the 4 MiB of most CPUs, two of each level above. */
#define TABLES 9u

static uint64_t bytes(void)
{
	return machine.first.way_out_bytes;
}

uint64_t way_out_crossing(uint32_t cpu)
{
	return PAGE_BYTES + ((uint64_t)cpu * HADAL_CROSSING_BYTES & ~(PAGE_BYTES - 1));
}

int way_out_init(const struct hadal_first *first)
{
	struct pt_pool *pool = &machine.way_out.pool;

	if (!(machine.flags & HADAL_BOOT_FIRST))
		return 0;
	machine.first = *first;
	machine.first.log = memory_image_physical(&log_ring);
	machine.first.way_out = machine.crossing_physical - PAGE_BYTES;
	machine.first.way_out_bytes = way_out_crossing(machine.cpu_count - 1) + PAGE_BYTES;
	pt_pool_init(pool, HADAL_DIRECT_BASE);
	for (unsigned int i = 0; machine.flags & HADAL_BOOT_STOPS && i < TABLES; i++) {
		uint64_t *page = pt_pool_alloc(&machine.pool);

		if (!page)
			return -ENOMEM;
		pt_pool_free(pool, page);
	}
	return 0;
}

/* All of it in the upper half of addresses, of which the image itself uses nothing. */
static bool is_upper(const struct pagetable *pt, uint64_t address)
{
	uint64_t first = ~0ull << (pt->levels == 5 ? 56 : 47);

	return !(address & (PAGE_BYTES - 1)) && address >= first && -address >= bytes();
}

static void unmap(struct pagetable *pt)
{
	struct pt_garbage garbage = {.count = 0};

	if (machine.way_out.address)
		pt_unmap(pt, machine.way_out.address, bytes(), &garbage);
	pt_garbage_free(pt->pool, &garbage);
	machine.way_out.address = 0;
}

int way_out_map(uint64_t address)
{
	struct pagetable pt = machine.host;
	uint64_t physical = machine.first.way_out;
	int err;

	if (!is_upper(&pt, address))
		return -EINVAL;
	if (machine.way_out.address == address)
		return 0;
	pt.pool = &machine.way_out.pool;
	unmap(&pt);
	machine.way_out.address = address;
	err = pt_map(&pt, address, physical, PAGE_BYTES, PT_READ | PT_EXEC | PT_TYPE(MEMORY_WB));
	if (!err)
		err = pt_map(&pt, address + PAGE_BYTES, physical + PAGE_BYTES, bytes() - PAGE_BYTES,
			     PT_READ | PT_WRITE | PT_TYPE(MEMORY_WB));
	if (err)
		unmap(&pt);
	return err;
}
