// SPDX-License-Identifier: MIT
/* The model's own walk of page tables. */
#include <errno.h>

#include "support/model.h"

#define ENTRY_PRESENT 1ull
#define ENTRY_LARGE   0x80ull
#define ADDRESS_BITS  0x000ffffffffff000ull

static uint64_t low_bits(unsigned int count)
{
	return count >= 64 ? -1ull : (1ull << count) - 1;
}

int model_page(const struct model *model, uint64_t physical)
{
	uint64_t offset = physical - model->world->arena.physical;

	return offset < HADAL_TEST_ARENA_BYTES ? (int)(offset / PAGE) : -1;
}

uint64_t model_behind(const struct model *model, uint64_t gpa)
{
	int page = model_page(model, gpa);

	if (page == READ_ONLY)
		return arena_page(model->world, DATA) + gpa % PAGE;
	if (page >= MAPPED && page < MAPPED_END && model->shown[page])
		return model->shown[page] + gpa % PAGE;
	return gpa;
}

static bool is_canonical(uint64_t address, unsigned int levels)
{
	unsigned int shift = 64 - 12 - 9 * levels;

	return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

/* The caller's own space: of it, only the arena's two places are known. */
static int walk_current(const struct model *model, uint64_t address, uint64_t *gpa)
{
	const struct arena *arena = &model->world->arena;
	const uint64_t starts[] = {arena->kernel_virtual, (uintptr_t)arena->bytes};

	for (int i = 0; i < 2; i++)
		if (address - starts[i] < HADAL_TEST_ARENA_BYTES) {
			*gpa = arena->physical + (address - starts[i]);
			return 0;
		}
	return address < 0x10000 ? -EFAULT : WALK_UNKNOWN;
}

static bool has_reserved_bits(const struct model *model, uint64_t entry, unsigned int level)
{
	if (entry & ADDRESS_BITS & ~low_bits(model->world->info.physical_bits))
		return true;
	if (level == 1 || !(entry & ENTRY_LARGE))
		return false;
	return level > 3 || (entry & low_bits(12 + 9 * (level - 1)) & ~low_bits(13));
}

int model_walk(const struct model *model, uint64_t root, uint64_t flags, uint64_t address,
	       uint64_t *gpa)
{
	unsigned int levels = model->current_levels;
	uint64_t table = root & ADDRESS_BITS;

	if (flags & (HADAL_MEM_LA48 | HADAL_MEM_LA57))
		levels = flags & HADAL_MEM_LA57 ? 5 : 4;
	if (!is_canonical(address, levels))
		return -EINVAL;
	if (root == HADAL_ROOT_CURRENT)
		return levels == model->current_levels ? walk_current(model, address, gpa)
						       : WALK_UNKNOWN;
	for (unsigned int level = levels;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		enum place place = world_place(model->world, table);
		int page = model_page(model, table);
		uint64_t entry = 0; /* what anybody else sees of the hypervisor's pages */

		if (place == PLACE_OTHER)
			return -ENXIO;
		if (place == PLACE_RAM) {
			if (page < TABLES || page >= TABLES_END)
				return WALK_UNKNOWN;
			entry = ((uint64_t *)(model->world->arena.bytes +
					      page * PAGE))[address >> shift & 511];
		}
		if (!(entry & ENTRY_PRESENT))
			return -EFAULT;
		if (has_reserved_bits(model, entry, level))
			return -EINVAL;
		table = entry & ADDRESS_BITS;
		if (level == 1 || entry & ENTRY_LARGE) {
			*gpa = (table & ~low_bits(shift)) | (address & low_bits(shift));
			return 0;
		}
	}
}
