// SPDX-License-Identifier: MIT OR GPL-2.0
/* The first page tables, used only until the image has built its own. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <asm/io.h>
#include <asm/special_insns.h>

#include "loader.h"
#include "planted.h"

#define ENTRY_FLAGS (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED)

static u64 *new_table(struct first_tables *tables)
{
	struct page *page = planted_failure() ? NULL : alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return NULL;
	list_add(&page->lru, &tables->pages);
	return page_address(page);
}

static int map_one(struct first_tables *tables, u64 virtual, u64 physical)
{
	u64 *table = tables->root;
	unsigned int level;

	for (level = tables->levels; level > 1; level--) {
		u64 *entry = &table[(virtual >> (PAGE_SHIFT + 9 * (level - 1))) & 511];

		if (!*entry) {
			u64 *child = new_table(tables);

			if (!child)
				return -ENOMEM;
			*entry = virt_to_phys(child) | ENTRY_FLAGS;
		}
		table = phys_to_virt(*entry & PTE_PFN_MASK);
	}
	table[(virtual >> PAGE_SHIFT) & 511] = physical | ENTRY_FLAGS | _PAGE_DIRTY;
	return 0;
}

static int map_range(struct first_tables *tables, u64 virtual, u64 physical, u64 bytes)
{
	u64 offset;

	for (offset = 0; offset < bytes; offset += PAGE_SIZE) {
		int error = map_one(tables, virtual + offset, physical + offset);

		if (error)
			return error;
	}
	return 0;
}

int tables_build(struct first_tables *tables, const struct hypervisor_memory *memory)
{
	const struct hadal_boot *boot = memory->boot;
	u64 boot_physical = virt_to_phys(memory->boot);
	unsigned int i;
	int error;

	INIT_LIST_HEAD(&tables->pages);
	tables->levels = __read_cr4() & X86_CR4_LA57 ? 5 : 4;
	tables->root = new_table(tables);
	if (!tables->root)
		return -ENOMEM;
	error = map_range(tables, HADAL_IMAGE_BASE, boot->image_physical,
			  memory->image->memory_bytes);
	if (!error)
		error = map_one(tables, boot->trampoline, boot->image_physical);
	if (!error)
		error = map_range(tables, boot->trampoline + PAGE_SIZE, boot->pool[0].physical,
				  boot->cpu_count * HADAL_CROSSING_BYTES);
	if (!error)
		error = map_range(tables, HADAL_DIRECT_BASE + boot_physical, boot_physical,
				  PAGE_ALIGN(sizeof(*boot)));
	for (i = 0; !error && i < boot->pool_count; i++)
		error = map_range(tables, HADAL_DIRECT_BASE + boot->pool[i].physical,
				  boot->pool[i].physical, boot->pool[i].bytes);
	return error;
}

void tables_free(struct first_tables *tables)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &tables->pages, lru)
	{
		list_del(&page->lru);
		__free_page(page);
	}
}
