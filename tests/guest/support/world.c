// SPDX-License-Identifier: MIT
/* What there is of physical memory: RAM, the hypervisor's own, and neither. */
#include <errno.h>
#include <string.h>

#include "support/check.h"
#include "support/world.h"

#define PIECE HADAL_TRANSFER_MAX

static void mark_own(struct world *world, uint64_t address)
{
	uint64_t page = address / PAGE;

	world->own_map[page / 8] |= 1u << page % 8;
	world->own_pages++;
	if (!world->own && page && world_place(world, address - PAGE) == PLACE_RAM)
		world->own = address;
}

/* The hypervisor's pages are those that reads refuse with -EACCES. */
static void find_own(struct world *world, const struct hadal_range *ram, bool all)
{
	uint64_t at = ram->start;

	while (at < ram->end && (all || at < world->own + 2 * PIECE || !world->own)) {
		uint64_t length = ram->end - at < PIECE ? ram->end - at : PIECE;
		int64_t done = ring0_call(HADAL_CALL_READ, at, length, world->arena.physical, 0, 0);

		if (done < 0) {
			EQUAL(done, -EACCES);
			mark_own(world, at);
			done = PAGE;
		}
		EQUAL(done % PAGE, 0);
		at += done;
	}
}

void world_open(struct world *world, bool all_own)
{
	*world = (struct world){.own = 0};
	ring0_open(&world->arena);
	EQUAL(ring0_call(HADAL_CALL_INFO, world->arena.physical, sizeof(world->info), 0, 0, 0), 0);
	world->info = *(struct hadal_info *)world->arena.bytes;
	EQUAL(ring0_call(HADAL_CALL_RAM, world->arena.physical, PAGE, 0, 0, 0),
	      world->info.ram_count);
	memcpy(world->ram, world->arena.bytes, PAGE);
	CHECK(world->info.ram_count && world->info.ram_count <= PAGE / sizeof(world->ram[0]));
	world->ram_end = world->ram[world->info.ram_count - 1].end;
	world->own_map = calloc(world->ram_end / PAGE / 8 + 1, 1);
	CHECK(world->own_map);
	for (uint32_t i = 0; i < world->info.ram_count; i++)
		find_own(world, &world->ram[i], all_own);
	while (!ring0_call(HADAL_CALL_OWN, world->own_ranges, 0, 0, 0, 0))
		world->own_ranges++;
	CHECK(world->own);
	CHECK(!all_own ||
	      world->own_pages >= world->info.image_bytes / PAGE + world->info.pool_pages);
}

enum place world_place(const struct world *world, uint64_t address)
{
	for (uint32_t i = 0; i < world->info.ram_count; i++) {
		const struct hadal_range *ram = &world->ram[i];
		uint64_t page = address / PAGE;

		if (address >= ram->start && address < ram->end)
			return world->own_map[page / 8] >> page % 8 & 1 ? PLACE_OWN : PLACE_RAM;
	}
	return PLACE_OTHER;
}
