// SPDX-License-Identifier: MIT
/* Where the kernel is: by registers and page tables, or by its banner in memory. */
#include "kernel/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* No distribution's kernel comes near this; it bounds what a hostile page table can make us do. */
#define IMAGE_MAX_SIZE (256ull << 20)
/* Linux frees the padding around read-only data: it is then writable or, with KPTI, not mapped. */
#define MAX_GAP (8ull << 20)
/* Sections begin at multiples of 2 MiB, so that what is freed between them is smaller. */
#define RODATA_SURE (2ull << 20)

#define BANNER       "Linux version "
#define BANNER_MAX   1024u
#define SEARCH_CHUNK (1u << 20)

enum mapping { MAPPING_NONE, MAPPING_TEXT, MAPPING_RODATA, MAPPING_DATA };

/* A copy of the last table of 4 KiB pages met, so that going up through it reads it once. */
struct table_copy {
	uint64_t va;     /* of the 2 MiB that it maps; 0: none */
	uint32_t rights; /* what the entries above it allow */
	uint64_t entries[512];
};

/* Copies the table that a walk ended in, if it was one of 4 KiB pages. */
static void copy_table(struct hadal_space *space, const struct hadal_translation *walk, uint64_t va,
		       struct table_copy *table)
{
	const struct hadal_step *last;

	table->va = 0;
	if (!walk->step_count)
		return;
	last = &walk->step[walk->step_count - 1];
	if (last->level != 1 ||
	    hadal_page_cache_read(space->cache, last->entry_address & HADAL_PTE_ADDRESS,
				  table->entries, sizeof(table->entries)) != sizeof(table->entries))
		return;
	table->va = va & ~(HADAL_IMAGE_ALIGN - 1);
	table->rights = ~0u;
	for (const struct hadal_step *step = walk->step; step < last; step++)
		table->rights &= step->rights;
}

static enum mapping mapping_of(uint32_t rights)
{
	if (rights & HADAL_STEP_EXECUTE)
		return MAPPING_TEXT;
	return rights & HADAL_STEP_WRITE ? MAPPING_DATA : MAPPING_RODATA;
}

/* What va is mapped as, and how many bytes from its page's beginning are alike. */
static enum mapping mapping_at(struct hadal_space *space, struct table_copy *table, uint64_t va,
			       uint64_t *size, uint64_t *pa)
{
	struct hadal_translation walk;
	int error;

	if (table->va && table->va == (va & ~(HADAL_IMAGE_ALIGN - 1))) {
		uint64_t entry = table->entries[va / HADAL_PAGE_SIZE % 512];

		*size = HADAL_PAGE_SIZE;
		*pa = (entry & HADAL_PTE_ADDRESS) | va % HADAL_PAGE_SIZE;
		if (!(entry & HADAL_PTE_PRESENT))
			return MAPPING_NONE;
		return mapping_of(table->rights & hadal_entry_rights(entry));
	}
	error = hadal_space_translate(space, va, &walk);
	copy_table(space, &walk, va, table);
	if (error) {
		/* One step of a missing table at most, so that no page beside it is passed over. */
		*size = table->va ? HADAL_PAGE_SIZE : HADAL_IMAGE_ALIGN;
		return MAPPING_NONE;
	}
	*size = walk.page_bytes;
	*pa = walk.physical;
	return mapping_of(walk.rights);
}

/* Goes down from an address in the kernel's text to the first 2 MiB that belong to it. */
static int find_base(struct hadal_space *space, uint64_t text, struct hadal_location *location)
{
	uint64_t va = text & ~(HADAL_IMAGE_ALIGN - 1);
	struct table_copy table = {0};
	uint64_t lower, size, pa;

	if (mapping_at(space, &table, va, &size, &pa) == MAPPING_NONE || pa % HADAL_IMAGE_ALIGN)
		return -ENOENT;
	for (lower = va - HADAL_IMAGE_ALIGN;
	     lower >= HADAL_IMAGE_MIN && va - lower <= IMAGE_MAX_SIZE; lower -= HADAL_IMAGE_ALIGN) {
		uint64_t lower_pa;

		if (mapping_at(space, &table, lower, &size, &lower_pa) == MAPPING_NONE ||
		    lower_pa != pa - HADAL_IMAGE_ALIGN)
			break;
		va = lower;
		pa = lower_pa;
	}
	location->base = va;
	location->physical = pa;
	return 0;
}

/*
 * Goes up from the base through text and read-only data. Writable data must come after them: a user
 * root of KPTI maps no kernel data. Where read-only data is mapped like other (rodata=off), it is
 * left out. The largest run counts: between sections, and in what was needed for starting only, are
 * pages that the kernel has given away, and those that hold code of modules or BPF now are
 * read-only.
 */
int hadal_find_rodata(struct hadal_space *space, struct hadal_location *location)
{
	uint64_t va = location->base, gap = 0, size, pa = 0, run = 0, run_size = 0;
	struct table_copy table = {0};
	bool data = false, data_after = false;

	location->rodata = 0;
	location->rodata_size = 0;
	while (va < HADAL_IMAGE_MAX && va - location->base < IMAGE_MAX_SIZE && gap < MAX_GAP) {
		enum mapping mapping = mapping_at(space, &table, va, &size, &pa);

		size -= va % size;
		gap += size;
		if (mapping == MAPPING_DATA) {
			data = true;
			data_after = location->rodata;
			run_size = 0;
		}
		if (data_after && location->rodata_size >= RODATA_SURE)
			return 0;
		if (mapping == MAPPING_TEXT)
			gap = 0;
		if (mapping == MAPPING_RODATA && pa == location->physical + (va - location->base)) {
			if (!run_size)
				run = va;
			run_size = va + size - run;
			gap = 0;
		}
		if (run_size > location->rodata_size) {
			location->rodata = run;
			location->rodata_size = run_size;
			data_after = false;
		}
		va += size;
	}
	return data && (data_after || !location->rodata) ? 0 : -ENOENT;
}

/* The handler of one interrupt gate, SDM volume 3 chapter 6.14.1; 0 when it cannot be read. */
static uint64_t gate_handler(struct hadal_space *space, uint64_t idt, unsigned vector)
{
	uint64_t gate[2];

	if (!idt || hadal_space_read_exact(space, idt + vector * sizeof(gate), gate, sizeof(gate)))
		return 0;
	return (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
}

static int find_under_root(struct hadal_page_cache *cache, const struct hadal_traces *traces,
			   uint64_t root, bool rodata, struct hadal_location *location)
{
	/* Handlers that always are the kernel's own: page fault, general protection, #DE. */
	static const unsigned vectors[] = {14, 13, 0};
	uint64_t entries[1 + sizeof(vectors) / sizeof(vectors[0])] = {traces->lstar};
	struct hadal_space space;

	location->root = root;
	location->levels = traces->cr4 & HADAL_CR4_LA57 ? 5 : 4;
	hadal_space_init(&space, cache, root, location->levels);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		entries[i + 1] = gate_handler(&space, traces->idt_base, vectors[i]);
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (entries[i] < HADAL_IMAGE_MIN || entries[i] >= HADAL_IMAGE_MAX)
			continue;
		if (!find_base(&space, entries[i], location) &&
		    (!rodata || !hadal_find_rodata(&space, location)))
			return 0;
	}
	return -ENOENT;
}

static int find_by_traces(struct hadal_page_cache *cache, const struct hadal_traces *traces,
			  bool rodata, struct hadal_location *location)
{
	uint64_t root = traces->cr3 & HADAL_PTE_ADDRESS & ~HADAL_CR3_PCID;

	if (!traces->cr3)
		return -ENOENT;
	/*
	 * With KPTI the roots are pairs, the kernel's at the even page. Without it, the root may
	 * itself be at an odd page, and what is at the even one is something else.
	 */
	if (root & HADAL_CR3_KPTI_BIT &&
	    !find_under_root(cache, traces, root & ~HADAL_CR3_KPTI_BIT, rodata, location))
		return 0;
	return find_under_root(cache, traces, root, rodata, location);
}

int hadal_find_by_traces(struct hadal_page_cache *cache, const struct hadal_traces *traces,
			 struct hadal_location *location)
{
	return find_by_traces(cache, traces, true, location);
}

int hadal_find_base(struct hadal_page_cache *cache, const struct hadal_traces *traces,
		    struct hadal_location *location)
{
	location->rodata = 0;
	location->rodata_size = 0;
	return find_by_traces(cache, traces, false, location);
}

/* A banner in read-only data ends in a newline and a NUL; copies in logs do not. */
static bool is_banner(const uint8_t *text, size_t len)
{
	const uint8_t *end = memchr(text, '\0', len);

	return end && text[sizeof(BANNER) - 1] >= '1' && text[sizeof(BANNER) - 1] <= '9' &&
	       end[-1] == '\n';
}

/* Looks for a banner that begins in the first limit of len bytes. */
static const uint8_t *search_banner(const uint8_t *data, size_t limit, size_t len)
{
	const uint8_t *from = data;

	while (from < data + limit) {
		const uint8_t *hit = memmem(from, data + len - from, BANNER, sizeof(BANNER) - 1);

		if (!hit || hit >= data + limit)
			return NULL;
		if (is_banner(hit, data + len - hit))
			return hit;
		from = hit + 1;
	}
	return NULL;
}

int hadal_find_banner(struct hadal_memory *memory, uint64_t *pa)
{
	uint8_t *chunk = malloc(SEARCH_CHUNK + BANNER_MAX);
	int error = -ENOENT;

	if (!chunk)
		return -ENOMEM;
	for (size_t i = 0; error && i < memory->range_count; i++) {
		const struct hadal_range *range = &memory->ranges[i];
		uint64_t at = *pa > range->start ? *pa : range->start;

		for (; at < range->end; at += SEARCH_CHUNK) {
			size_t len = SEARCH_CHUNK + BANNER_MAX;
			const uint8_t *hit;
			ssize_t got;

			if (len > range->end - at)
				len = range->end - at;
			got = hadal_memory_read(memory, at, chunk, len);
			if (got <= (ssize_t)sizeof(BANNER))
				continue;
			hit = search_banner(chunk, got < SEARCH_CHUNK ? got : SEARCH_CHUNK, got);
			if (hit) {
				*pa = at + (hit - chunk);
				error = 0;
				break;
			}
		}
	}
	free(chunk);
	return error;
}
