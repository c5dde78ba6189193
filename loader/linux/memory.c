// SPDX-License-Identifier: MIT OR GPL-2.0
/* The memory that becomes the hypervisor's. */
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/vmalloc.h>
#include <asm/io.h>
#include <asm/pgtable.h>

#include "loader.h"

extern const u8 hadal_image[], hadal_image_end[];

/* 4 MiB, the largest block of the page allocator on x86 in all supported kernels. */
#define MAX_CHUNK_ORDER 10

static const struct hadal_image_header *built_in(void)
{
	return (const struct hadal_image_header *)hadal_image;
}

int image_check(void)
{
	const struct hadal_image_header *header = built_in();
	u64 bytes = hadal_image_end - hadal_image;

	if (bytes < sizeof(*header) || header->magic != HADAL_IMAGE_MAGIC ||
	    header->abi_version != HADAL_ABI_VERSION)
		return -ENOEXEC;
	if (header->entry_offset >= PAGE_SIZE || header->file_bytes > bytes ||
	    header->file_bytes > header->memory_bytes || !header->memory_bytes ||
	    header->memory_bytes > HADAL_MAX_IMAGE_BYTES || !PAGE_ALIGNED(header->memory_bytes) ||
	    header->log_offset % sizeof(u64) || header->log_offset > header->memory_bytes ||
	    header->memory_bytes - header->log_offset < sizeof(struct hadal_log_ring))
		return -ENOEXEC;
	return 0;
}

static int image_copy(struct hypervisor_memory *memory)
{
	const struct hadal_image_header *header = built_in();

	memory->image = alloc_pages_exact(header->memory_bytes, GFP_KERNEL | __GFP_ZERO);
	if (!memory->image)
		return -ENOMEM;
	memcpy(memory->image, hadal_image, header->file_bytes);
	return 0;
}

/*
 * The largest blocks first. A block smaller than `least` could not fill the pool with the chunks
 * left, so only that size is worth the kernel's efforts to make room.
 */
static struct page *chunk_allocate(u64 bytes, unsigned int chunks_left, unsigned int *order)
{
	unsigned int least = get_order(DIV_ROUND_UP_ULL(bytes, chunks_left));
	int try = min(get_order(bytes), MAX_CHUNK_ORDER);

	for (; try >= (int)least; try--) {
		gfp_t effort = try > (int)least ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
		struct page *page =
			alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN | effort, try);

		if (page) {
			*order = try;
			return page;
		}
	}
	return NULL;
}

static int pool_allocate(struct hadal_boot *boot)
{
	const struct hadal_image_header *header = built_in();
	u64 left = PAGE_ALIGN(header->base_pool_bytes + header->per_cpu_bytes * boot->cpu_count);

	while (left) {
		unsigned int chunks_left = HADAL_MAX_POOL - boot->pool_count;
		struct hadal_chunk *chunk = &boot->pool[boot->pool_count];
		unsigned int order;
		struct page *page = chunks_left ? chunk_allocate(left, chunks_left, &order) : NULL;

		if (!page)
			return -ENOMEM;
		chunk->physical = page_to_phys(page);
		chunk->bytes = PAGE_SIZE << order;
		boot->pool_count++;
		left -= min(left, chunk->bytes);
	}
	return 0;
}

static unsigned int crossing_pages(const struct hadal_boot *boot)
{
	return DIV_ROUND_UP(boot->cpu_count * HADAL_CROSSING_BYTES, PAGE_SIZE);
}

/*
 * The image's first page, and behind it the memory that the CPUs cross in. vmap() refuses to make a
 * mapping executable, so this clears the NX bit afterwards, and the right to write. Nobody has
 * touched the address yet, so no TLB holds the entry.
 */
static int trampoline_map(struct hypervisor_memory *memory)
{
	const struct hadal_chunk *chunk = &memory->boot->pool[0];
	unsigned int crossing = crossing_pages(memory->boot), level, i;
	struct page **pages;
	pte_t *entry;

	if (chunk->bytes < crossing * PAGE_SIZE)
		return -ENOMEM;
	pages = kvmalloc_array(crossing + 1, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	pages[0] = virt_to_page(memory->image);
	for (i = 0; i < crossing; i++)
		pages[i + 1] = pfn_to_page(PHYS_PFN(chunk->physical) + i);
	memory->trampoline = vmap(pages, crossing + 1, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!memory->trampoline)
		return -ENOMEM;
	entry = lookup_address((unsigned long)memory->trampoline, &level);
	if (!entry || level != PG_LEVEL_4K)
		return -ENOMEM;
	set_pte(entry, pte_mkexec(pte_wrprotect(*entry)));
	return 0;
}

static int add_ram(struct resource *resource, void *context)
{
	struct hadal_boot *boot = context;
	u64 start = PAGE_ALIGN(resource->start);
	u64 end = (resource->end + 1) & PAGE_MASK;

	if (start >= end)
		return 0;
	if (boot->ram_count && boot->ram[boot->ram_count - 1].end == start) {
		boot->ram[boot->ram_count - 1].end = end;
		return 0;
	}
	if (boot->ram_count == HADAL_MAX_RAM_RANGES)
		return -E2BIG;
	boot->ram[boot->ram_count].start = start;
	boot->ram[boot->ram_count].end = end;
	boot->ram_count++;
	return 0;
}

static int ram_list(struct hadal_boot *boot)
{
	return ram_walk(boot, add_ram);
}

int memory_allocate(struct hypervisor_memory *memory)
{
	struct hadal_boot *boot;
	int error;

	boot = memory->boot = (void *)get_zeroed_page(GFP_KERNEL);
	if (!boot)
		return -ENOMEM;
	BUILD_BUG_ON(sizeof(*boot) > PAGE_SIZE);
	boot->abi_version = HADAL_ABI_VERSION;
	boot->cpu_count = nr_cpu_ids;
	do
		get_random_bytes(&boot->key, sizeof(boot->key));
	while (!boot->key);
	error = image_copy(memory);
	if (!error)
		error = pool_allocate(boot);
	if (!error)
		error = trampoline_map(memory);
	if (!error)
		error = ram_list(boot);
	if (error) {
		memory_free(memory);
		return error;
	}
	boot->image_physical = virt_to_phys(memory->image);
	boot->trampoline = (unsigned long)memory->trampoline;
	return 0;
}

void memory_free(struct hypervisor_memory *memory)
{
	unsigned int i;

	vunmap(memory->trampoline);
	if (memory->image)
		free_pages_exact(memory->image, built_in()->memory_bytes);
	for (i = 0; memory->boot && i < memory->boot->pool_count; i++)
		__free_pages(pfn_to_page(PHYS_PFN(memory->boot->pool[i].physical)),
			     get_order(memory->boot->pool[i].bytes));
	free_page((unsigned long)memory->boot);
	memset(memory, 0, sizeof(*memory));
}
