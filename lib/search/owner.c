// SPDX-License-Identifier: MIT
/* To whom a page of physical memory belongs. */
#include "search/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "system/module.h"
#include "process/process.h"
#include "system/symbolize.h"
#include "search/area.h"

/*
 * An entry for a page: where its owner has it mapped, in pages (45 bits: 57 of an address), the
 * owner's number from 1 on (18 bits), and whether there are more.
 */
#define OWNER_SHIFT  1
#define PAGE_SHIFT   19
#define OWNER_MASK   ((1u << (PAGE_SHIFT - OWNER_SHIFT)) - 1)
#define MORE         1u
#define KERNEL_OWNER OWNER_MASK
#define ADDRESS_BITS 57

struct hadal_owners {
	struct hadal_memory *memory;
	struct hadal_symbolizer *symbolizer;
	struct hadal_process_list processes;
	uint64_t image, image_physical; /* where the kernel's image begins */
	uint64_t image_size;
	uint64_t freed, freed_size; /* part of the image that is free after the start */
	uint64_t *pages;            /* of all RAM, range after range */
	uint64_t owner;             /* whose pages are being noted */
};

static uint64_t *page_of(const struct hadal_owners *owners, uint64_t pa)
{
	const struct hadal_memory *memory = owners->memory;
	uint64_t before = 0;

	for (size_t i = 0; i < memory->range_count; i++) {
		const struct hadal_range *range = &memory->ranges[i];
		uint64_t first = range->start / HADAL_PAGE_SIZE;

		if (pa >= range->start && pa < range->end)
			return &owners->pages[before + pa / HADAL_PAGE_SIZE - first];
		before += (range->end - 1) / HADAL_PAGE_SIZE - first + 1;
	}
	return NULL;
}

static int note_pages(void *ctx, const struct hadal_extent *extent)
{
	struct hadal_owners *owners = ctx;

	for (uint64_t done = 0; done < extent->size; done += HADAL_PAGE_SIZE) {
		uint64_t *page = page_of(owners, extent->physical + done);
		uint64_t virtual_page = (extent->address + done) / HADAL_PAGE_SIZE;

		if (!page)
			break;
		if (*page)
			*page |= MORE;
		else
			*page = virtual_page << PAGE_SHIFT | owners->owner << OWNER_SHIFT;
	}
	return 0;
}

static void note_process(struct hadal_owners *owners, const struct hadal_space *kernel,
			 const struct hadal_process *process)
{
	struct hadal_space space;
	const struct hadal_area area = {
		.memory = owners->memory,
		.space = &space,
		.last = (1ull << (11 + 9 * kernel->levels)) - 1,
		.rights = HADAL_STEP_USER,
	};

	hadal_space_init(&space, kernel->cache, process->page_table, kernel->levels);
	hadal_area_walk(&area, note_pages, owners);
}

static int note_modules(struct hadal_owners *owners, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	struct hadal_module_list modules;
	int result = hadal_modules(kernel, &modules, error);

	owners->owner = KERNEL_OWNER;
	for (size_t i = 0; !result && i < modules.count; i++) {
		const struct hadal_area area = {
			.memory = owners->memory,
			.space = hadal_kernel_space(kernel),
			.start = modules.items[i].base,
			.last = modules.items[i].base + modules.items[i].size - 1,
		};

		hadal_area_walk(&area, note_pages, owners);
	}
	hadal_modules_free(&modules);
	return result;
}

static int note_processes(struct hadal_owners *owners, struct hadal_kernel *kernel,
			  struct hadal_error *error)
{
	int result = hadal_processes(kernel, false, &owners->processes, error);

	for (size_t i = 0; !result && i < owners->processes.count; i++) {
		owners->owner = i + 1;
		if (owners->owner < KERNEL_OWNER && owners->processes.items[i].page_table)
			note_process(owners, hadal_kernel_space(kernel),
				     &owners->processes.items[i]);
	}
	return result;
}

static uint64_t *new_pages(const struct hadal_memory *memory)
{
	uint64_t count = 0;

	for (size_t i = 0; i < memory->range_count; i++)
		count += (memory->ranges[i].end - 1) / HADAL_PAGE_SIZE -
			 memory->ranges[i].start / HADAL_PAGE_SIZE + 1;
	return calloc(count, sizeof(uint64_t));
}

static int fill(struct hadal_owners *owners, struct hadal_kernel *kernel, struct hadal_error *error)
{
	const struct hadal_kernel_info *info = hadal_kernel_info(kernel);
	struct hadal_lookup ends[] = {
		{.name = "__bss_stop"}, {.name = "__init_begin"}, {.name = "__init_end"}};
	int result = hadal_kernel_lookup(kernel, ends, 3, error);

	if (result)
		return result;
	owners->image = info->where.base;
	owners->image_physical = info->where.physical;
	owners->image_size = ends[0].address - info->where.base;
	owners->freed = ends[1].address - info->where.base;
	owners->freed_size = ends[2].address - ends[1].address;
	owners->symbolizer = hadal_symbolizer_new(kernel, error);
	result = owners->symbolizer ? note_modules(owners, kernel, error) : -ENOENT;
	return result ? result : note_processes(owners, kernel, error);
}

struct hadal_owners *hadal_owners_new(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_owners *owners = calloc(1, sizeof(*owners));

	if (owners) {
		owners->memory = hadal_page_cache_memory(hadal_kernel_space(kernel)->cache);
		owners->pages = new_pages(owners->memory);
	}
	if (!owners || !owners->pages)
		hadal_fail(error, ENOMEM, "Out of memory");
	else if (!fill(owners, kernel, error))
		return owners;
	hadal_owners_free(owners);
	return NULL;
}

void hadal_owners_free(struct hadal_owners *owners)
{
	if (!owners)
		return;
	hadal_processes_free(&owners->processes);
	hadal_symbolizer_free(owners->symbolizer);
	free(owners->pages);
	free(owners);
}

/* Names what of the image is not in use for something else. */
static bool name_in_image(const struct hadal_owners *owners, uint64_t offset, char *text,
			  size_t size)
{
	return offset < owners->image_size && offset - owners->freed >= owners->freed_size &&
	       hadal_symbolize(owners->symbolizer, owners->image + offset, text, size);
}

bool hadal_owner(const struct hadal_owners *owners, uint64_t pa, char *text, size_t size)
{
	const uint64_t *page = page_of(owners, pa);
	uint64_t owner = page ? *page >> OWNER_SHIFT & OWNER_MASK : 0;
	const struct hadal_process *process;
	uint64_t address;

	text[0] = '\0';
	if (!owner)
		return name_in_image(owners, pa - owners->image_physical, text, size);
	/* The sign of an address of the kernel is above those bits. */
	address = (*page >> PAGE_SHIFT) * HADAL_PAGE_SIZE + pa % HADAL_PAGE_SIZE;
	if (owner == KERNEL_OWNER)
		return hadal_symbolize(owners->symbolizer, address | ~0ull << (ADDRESS_BITS - 1),
				       text, size);
	process = &owners->processes.items[owner - 1];
	snprintf(text, size, "%s[%" PRId32 "] %#" PRIx64 "%s", process->comm, process->tgid,
		 address, *page & MORE ? " ..." : "");
	return true;
}
