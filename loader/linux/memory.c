// SPDX-License-Identifier: MIT OR GPL-2.0
/* The memory that becomes the hypervisor's. */
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <linux/vmalloc.h>
#include <asm/io.h>
#include <asm/pgtable.h>

#include "loader.h"
#include "planted.h"

#ifdef HADAL_PLANTED
unsigned int fail_at, plant;
int fail_cpu = -1;
module_param(fail_at, uint, 0600);
module_param(plant, uint, 0600);
module_param(fail_cpu, int, 0600);
#endif

extern const u8 hadal_image[], hadal_image_end[];

/* 4 MiB, the largest block of the page allocator on x86 in all supported kernels. */
#define MAX_CHUNK_ORDER 10

static const struct hadal_image_header *built_in(void)
{
	return (const struct hadal_image_header *)hadal_image;
}

int image_check(void)
{
	return image_is_sound(built_in(), hadal_image_end - hadal_image) ? 0 : -EPROTO;
}

static int image_copy(struct hypervisor_memory *memory)
{
	const struct hadal_image_header *header = built_in();

	if (!planted_failure())
		memory->image = alloc_pages_exact(header->memory_bytes, GFP_KERNEL | __GFP_ZERO);
	if (!memory->image)
		return -ENOMEM;
	memcpy(memory->image, hadal_image, header->file_bytes);
	return 0;
}

/*
 * The largest blocks first, down to *order, which only is worth the kernel's efforts to make room.
 * On another node if the one that is asked for is full.
 */
static struct page *chunk_allocate(u64 bytes, u32 node, unsigned int *order)
{
	int least = *order, try = max(least, min(get_order(bytes), MAX_CHUNK_ORDER));

	for (; try >= least; try--) {
		gfp_t effort = try > least ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
		struct page *page =
			alloc_pages_node(node == HADAL_NO_NODE ? NUMA_NO_NODE : (int)node,
					 GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN | effort, try);

		if (page) {
			*order = try;
			return page;
		}
	}
	return NULL;
}

/* Adds `left` bytes from a node, or HADAL_NO_NODE, to the pool, in no more than so many chunks. */
static int node_allocate(struct hadal_boot *boot, u64 left, unsigned int chunks, u32 node,
			 unsigned int least)
{
	for (; left; chunks--) {
		struct hadal_chunk *chunk = &boot->pool[boot->pool_count];
		struct page *page;
		unsigned int order;

		if (!chunks || planted_failure())
			return -ENOMEM;
		order = max(least, (unsigned int)get_order(DIV_ROUND_UP_ULL(left, chunks)));
		page = chunk_allocate(left, node, &order);
		if (!page)
			return -ENOMEM;
		chunk->physical = page_to_phys(page);
		chunk->bytes = PAGE_SIZE << order;
		chunk->node = node;
		boot->pool_count++;
		left -= min(left, chunk->bytes);
		least = 0;
	}
	return 0;
}

static unsigned int crossing_pages(const struct hadal_boot *boot)
{
	return DIV_ROUND_UP(boot->cpu_count * HADAL_CROSSING_BYTES, PAGE_SIZE);
}

/* Chunks for what is of no node; the nodes share the others. */
#define SHARED_CHUNKS 64
/* Tables that it takes at most to hide a chunk from the system, beside those for each 2 MiB. */
#define TABLES_PER_CHUNK 2

static u64 shared_bytes(const struct hadal_boot *boot, unsigned int nodes)
{
	const struct hadal_image_header *header = built_in();
	u64 gib = DIV_ROUND_UP_ULL(boot->ram[boot->ram_count - 1].end, SZ_1G);
	unsigned int chunks = nodes > 1 ? HADAL_MAX_POOL : SHARED_CHUNKS;

	return header->base_pool_bytes + header->per_gib_bytes * min_t(u64, gib, HADAL_MAX_GIB) +
	       chunks * TABLES_PER_CHUNK * PAGE_SIZE;
}

/* For each node that has memory that of its CPUs, if there are several nodes. */
static int pool_allocate(struct hadal_boot *boot)
{
	unsigned int nodes = num_node_state(N_MEMORY), cpu, node;
	unsigned int share = (HADAL_MAX_POOL - SHARED_CHUNKS) / nodes;
	u64 per_cpu = built_in()->per_cpu_bytes;
	u64 shared = shared_bytes(boot, nodes);
	int error;

	for (cpu = 0; cpu < boot->cpu_count; cpu++) {
		boot->cpu_node[cpu] = nodes > 1 && share ? cpu_to_mem(cpu) : HADAL_NO_NODE;
		if (boot->cpu_node[cpu] == HADAL_NO_NODE)
			shared += per_cpu;
	}
	error = node_allocate(boot, PAGE_ALIGN(shared), SHARED_CHUNKS, HADAL_NO_NODE,
			      get_order(crossing_pages(boot) * PAGE_SIZE));
	for_each_node_state(node, N_MEMORY)
	{
		u64 bytes = 0;

		for (cpu = 0; cpu < boot->cpu_count; cpu++)
			bytes += boot->cpu_node[cpu] == node ? per_cpu : 0;
		if (!error)
			error = node_allocate(boot, PAGE_ALIGN(bytes), share, node, 0);
	}
	return error;
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
	struct page **pages = NULL;
	pte_t *entry;

	if (chunk->bytes < crossing * PAGE_SIZE)
		return -ENOMEM;
	if (!planted_failure())
		pages = kvmalloc_array(crossing + 1, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	pages[0] = virt_to_page(memory->image);
	for (i = 0; i < crossing; i++)
		pages[i + 1] = pfn_to_page(PHYS_PFN(chunk->physical) + i);
	if (!planted_failure())
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

int memory_allocate(struct hypervisor_memory *memory)
{
	struct hadal_boot *boot;
	int error;

	if (planted_failure())
		return -ENOMEM;
	boot = memory->boot = alloc_pages_exact(sizeof(*boot), GFP_KERNEL | __GFP_ZERO);
	if (!boot)
		return -ENOMEM;
	boot->abi_version = HADAL_ABI_VERSION + planted_failure();
	boot->cpu_count = nr_cpu_ids;
	do
		get_random_bytes(&boot->key, sizeof(boot->key));
	while (!boot->key);
	error = ram_walk(boot, add_ram);
	if (!error)
		error = image_copy(memory);
	if (!error)
		error = pool_allocate(boot);
	if (!error)
		error = trampoline_map(memory);
	if (error) {
		memory_free(memory);
		return error;
	}
	boot->pool[0].reserved = planted_in_image();
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
	if (memory->boot)
		free_pages_exact(memory->boot, sizeof(*memory->boot));
	memset(memory, 0, sizeof(*memory));
}
