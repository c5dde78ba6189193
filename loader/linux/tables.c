// SPDX-License-Identifier: MIT OR GPL-2.0
/* Pages for the first page tables. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <asm/io.h>
#include <asm/special_insns.h>

#include "loader.h"
#include "planted.h"

static uint64_t *new_table(struct first_tables *first, uint64_t *physical)
{
	struct kernel_tables *tables = container_of(first, struct kernel_tables, first);
	struct page *page = planted_failure() ? NULL : alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return NULL;
	list_add(&page->lru, &tables->pages);
	*physical = page_to_phys(page);
	return page_address(page);
}

static uint64_t *table_at(uint64_t physical)
{
	return phys_to_virt(physical);
}

int tables_build(struct kernel_tables *tables, const struct hypervisor_memory *memory)
{
	struct first_tables *first = &tables->first;

	INIT_LIST_HEAD(&tables->pages);
	first->levels = __read_cr4() & X86_CR4_LA57 ? 5 : 4;
	first->new_table = new_table;
	first->at = table_at;
	return first_tables_build(first, memory->boot, virt_to_phys(memory->boot),
				  memory->image->memory_bytes)
		       ? 0
		       : -ENOMEM;
}

void tables_free(struct kernel_tables *tables)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, &tables->pages, lru)
	{
		list_del(&page->lru);
		__free_page(page);
	}
}
