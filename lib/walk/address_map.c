// SPDX-License-Identifier: MIT
/* Addresses that were seen, with a number for each. */
#include "walk/address_map.h"

#include <errno.h>
#include <stdlib.h>

/* Open addressing; address 0 marks a free slot. */
struct hadal_address_slot {
	uint64_t address;
	size_t number;
};

static struct hadal_address_slot *find_slot(const struct hadal_address_map *map, uint64_t address)
{
	size_t slot = address * 0x9e3779b97f4a7c15ull >> 32 & (map->size - 1);

	while (map->slots[slot].address && map->slots[slot].address != address)
		slot = (slot + 1) & (map->size - 1);
	return &map->slots[slot];
}

static int grow(struct hadal_address_map *map)
{
	struct hadal_address_map grown = {
		.size = map->size ? map->size * 2 : 256,
		.count = map->count,
	};

	grown.slots = calloc(grown.size, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->size; i++)
		if (map->slots[i].address)
			*find_slot(&grown, map->slots[i].address) = map->slots[i];
	free(map->slots);
	*map = grown;
	return 0;
}

int hadal_address_map_add(struct hadal_address_map *map, uint64_t address, size_t number)
{
	struct hadal_address_slot *slot;

	if (map->count * 2 >= map->size && grow(map))
		return -ENOMEM;
	slot = find_slot(map, address);
	if (slot->address)
		return 0;
	*slot = (struct hadal_address_slot){address, number};
	map->count++;
	return 1;
}

const size_t *hadal_address_map_find(const struct hadal_address_map *map, uint64_t address)
{
	const struct hadal_address_slot *slot = map->size ? find_slot(map, address) : NULL;

	return slot && slot->address ? &slot->number : NULL;
}

void hadal_address_map_free(struct hadal_address_map *map)
{
	free(map->slots);
	*map = (struct hadal_address_map){0};
}
