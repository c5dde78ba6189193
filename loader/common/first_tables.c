// SPDX-License-Identifier: MIT OR GPL-2.0
/* The first page tables, used only until the image has built its own. */
#include "first_tables.h"

#define TABLE_PAGE    4096u
#define TABLE_ADDRESS 0x000ffffffffff000ull
#define TABLE_ENTRY   0x23u /* present, writable, accessed */
#define PAGE_DIRTY    0x40u

bool image_is_sound(const struct hadal_image_header *header, uint64_t bytes)
{
	return bytes >= sizeof(*header) && header->magic == HADAL_IMAGE_MAGIC &&
	       header->abi_version == HADAL_ABI_VERSION && header->entry_offset < TABLE_PAGE &&
	       header->file_bytes <= bytes && header->file_bytes <= header->memory_bytes &&
	       header->memory_bytes && header->memory_bytes <= HADAL_MAX_IMAGE_BYTES &&
	       !(header->memory_bytes % TABLE_PAGE) && !(header->log_offset % sizeof(uint64_t)) &&
	       header->log_offset <= header->memory_bytes &&
	       header->memory_bytes - header->log_offset >= sizeof(struct hadal_log_ring);
}

static bool map_one(struct first_tables *tables, uint64_t virtual, uint64_t physical)
{
	uint64_t *table = tables->at(tables->root);
	unsigned int level;

	for (level = tables->levels; level > 1; level--) {
		uint64_t *entry = &table[(virtual >> (12 + 9 * (level - 1))) & 511];
		uint64_t child;

		if (!*entry) {
			if (!tables->new_table(tables, &child))
				return false;
			*entry = child | TABLE_ENTRY;
		}
		table = tables->at(*entry & TABLE_ADDRESS);
	}
	table[(virtual >> 12) & 511] = physical | TABLE_ENTRY | PAGE_DIRTY;
	return true;
}

static bool map_range(struct first_tables *tables, uint64_t virtual, uint64_t physical,
		      uint64_t bytes)
{
	uint64_t offset;

	for (offset = 0; offset < bytes; offset += TABLE_PAGE)
		if (!map_one(tables, virtual + offset, physical + offset))
			return false;
	return true;
}

bool first_tables_build(struct first_tables *tables, const struct hadal_boot *boot,
			uint64_t boot_physical, uint64_t image_bytes)
{
	unsigned int i;
	bool done;

	done = tables->new_table(tables, &tables->root) &&
	       map_range(tables, HADAL_IMAGE_BASE, boot->image_physical, image_bytes) &&
	       map_one(tables, boot->trampoline, boot->image_physical) &&
	       map_range(tables, boot->trampoline + TABLE_PAGE, boot->pool[0].physical,
			 (uint64_t)boot->cpu_count * HADAL_CROSSING_BYTES) &&
	       map_range(tables, HADAL_DIRECT_BASE + boot_physical, boot_physical, sizeof(*boot));
	for (i = 0; done && i < boot->pool_count; i++)
		done = map_range(tables, HADAL_DIRECT_BASE + boot->pool[i].physical,
				 boot->pool[i].physical, boot->pool[i].bytes);
	return done;
}
