// SPDX-License-Identifier: MIT
/* Virtual memory under page tables, through a cache of pages. */
#include "memory/space.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * Pieces of this size are kept. Small ones, since what is read is small and lies far apart, and a
 * source that is asked by calls copies each of them twice.
 */
#define CACHE_LINE 512u
#define CACHE_SETS 128u
#define CACHE_WAYS 4u
/* From this size on a read is not worth keeping. */
#define CACHE_MAX_READ 1024u

struct cached_line {
	uint64_t pa;
	uint32_t used; /* when, by the cache's clock */
	uint16_t era;  /* of the cache when it was read; it is empty in another one */
	uint16_t slot; /* 1 and up: which of the lines has its bytes; 0: none yet */
};

/* Lines are given out in order, so that only as much memory is touched as is needed. */
struct hadal_page_cache {
	struct hadal_memory *memory;
	uint32_t clock;
	uint16_t era;
	uint16_t slots;
	struct cached_line lines[CACHE_SETS][CACHE_WAYS];
	uint8_t data[CACHE_SETS * CACHE_WAYS][CACHE_LINE];
};

struct hadal_page_cache *hadal_page_cache_new(struct hadal_memory *memory)
{
	struct hadal_page_cache *cache = calloc(1, sizeof(*cache));

	if (cache) {
		cache->memory = memory;
		cache->era = 1;
	}
	return cache;
}

void hadal_page_cache_free(struct hadal_page_cache *cache)
{
	free(cache);
}

void hadal_page_cache_flush(struct hadal_page_cache *cache)
{
	if (++cache->era)
		return;
	/* Eras come again. */
	for (size_t i = 0; i < CACHE_SETS; i++)
		for (size_t j = 0; j < CACHE_WAYS; j++)
			cache->lines[i][j].era = 0;
	cache->era = 1;
}

void hadal_page_cache_wipe(struct hadal_page_cache *cache)
{
	hadal_page_cache_flush(cache);
	explicit_bzero(cache->data, cache->slots * sizeof(cache->data[0]));
}

struct hadal_memory *hadal_page_cache_memory(struct hadal_page_cache *cache)
{
	return cache->memory;
}

/* The line of a set that is empty, or else the one that was not used for the longest time. */
static struct cached_line *oldest_line(struct hadal_page_cache *cache, struct cached_line *set)
{
	struct cached_line *oldest = &set[0];

	for (size_t i = 0; i < CACHE_WAYS; i++) {
		if (set[i].era != cache->era)
			return &set[i];
		if (cache->clock - set[i].used > cache->clock - oldest->used)
			oldest = &set[i];
	}
	return oldest;
}

/* The line at pa, read if need be; NULL with *error set when it is not (wholly) RAM. */
static const uint8_t *cached_line(struct hadal_page_cache *cache, uint64_t pa, int *error)
{
	struct cached_line *set = cache->lines[pa / CACHE_LINE % CACHE_SETS];
	struct cached_line *line;
	uint8_t *data;

	for (size_t i = 0; i < CACHE_WAYS; i++) {
		if (set[i].era == cache->era && set[i].pa == pa) {
			set[i].used = ++cache->clock;
			return cache->data[set[i].slot - 1];
		}
	}
	line = oldest_line(cache, set);
	if (!line->slot)
		line->slot = ++cache->slots;
	data = cache->data[line->slot - 1];
	line->era = 0;
	*error = hadal_memory_read_exact(cache->memory, pa, data, CACHE_LINE);
	if (*error)
		return NULL;
	line->pa = pa;
	line->era = cache->era;
	line->used = ++cache->clock;
	return data;
}

ssize_t hadal_page_cache_read(struct hadal_page_cache *cache, uint64_t pa, void *buf, size_t len)
{
	size_t done = 0;

	if (len >= CACHE_MAX_READ)
		return hadal_memory_read(cache->memory, pa, buf, len);
	while (done < len) {
		uint64_t at = pa + done;
		size_t offset = at % CACHE_LINE;
		size_t piece = CACHE_LINE - offset;
		int error;
		const uint8_t *line = cached_line(cache, at - offset, &error);

		if (!line)
			return done ? (ssize_t)done : error;
		if (piece > len - done)
			piece = len - done;
		memcpy((char *)buf + done, line + offset, piece);
		done += piece;
	}
	return done;
}

void hadal_space_init(struct hadal_space *space, struct hadal_page_cache *cache, uint64_t root,
		      unsigned levels)
{
	*space = (struct hadal_space){
		.cache = cache,
		.root = root & HADAL_PTE_ADDRESS,
		.levels = levels,
	};
}

void hadal_space_flush(struct hadal_space *space)
{
	memset(space->small, 0, sizeof(space->small));
	memset(space->large, 0, sizeof(space->large));
	hadal_page_cache_flush(space->cache);
}

uint32_t hadal_entry_rights(uint64_t entry)
{
	return HADAL_STEP_READ | (entry & HADAL_PTE_WRITE ? HADAL_STEP_WRITE : 0) |
	       (entry & HADAL_PTE_USER ? HADAL_STEP_USER : 0) |
	       (entry & HADAL_PTE_NX ? 0 : HADAL_STEP_EXECUTE);
}

static bool canonical(const struct hadal_space *space, uint64_t va)
{
	unsigned unused = 64 - (12 + 9 * space->levels);

	return (uint64_t)((int64_t)(va << unused) >> unused) == va;
}

int hadal_space_translate(struct hadal_space *space, uint64_t va,
			  struct hadal_translation *translation)
{
	uint64_t table = space->root;

	*translation = (struct hadal_translation){.levels = space->levels, .rights = ~0u};
	if ((space->levels != 4 && space->levels != 5) || !canonical(space, va))
		return translation->result = -EINVAL;
	for (unsigned level = space->levels; level; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t size = 1ull << shift;
		struct hadal_step *step = &translation->step[translation->step_count];

		step->level = level;
		step->entry_address = table + (va >> shift) % 512 * sizeof(step->entry);
		if (hadal_page_cache_read(space->cache, step->entry_address, &step->entry,
					  sizeof(step->entry)) != sizeof(step->entry))
			return translation->result = -ENXIO;
		translation->step_count++;
		if (!(step->entry & HADAL_PTE_PRESENT))
			return translation->result = -EFAULT;
		step->rights = hadal_entry_rights(step->entry);
		translation->rights &= step->rights;
		table = step->entry & HADAL_PTE_ADDRESS;
		/* Reserved in the two upper levels. */
		if (level > 3 && step->entry & HADAL_PTE_LARGE)
			return translation->result = -EINVAL;
		if (level == 1 || step->entry & HADAL_PTE_LARGE) {
			translation->page_bytes = size;
			translation->physical = (table & ~(size - 1)) | (va & (size - 1));
			break;
		}
	}
	return 0;
}

static bool page_holds(const struct hadal_space_page *page, uint64_t va)
{
	return page->size && (va & ~(page->size - 1)) == page->va;
}

int hadal_space_address(struct hadal_space *space, uint64_t va, uint64_t *pa)
{
	struct hadal_space_page *large = &space->large[(va >> 21) % HADAL_SPACE_TLB];
	struct hadal_space_page *page = &space->small[(va >> 12) % HADAL_SPACE_TLB];
	struct hadal_translation walk;
	int error;

	if (page_holds(large, va))
		page = large;
	if (!page_holds(page, va)) {
		error = hadal_space_translate(space, va, &walk);
		if (error)
			return error;
		if (walk.page_bytes > HADAL_PAGE_SIZE)
			page = large;
		page->size = walk.page_bytes;
		page->va = va & ~(page->size - 1);
		page->pa = walk.physical & ~(page->size - 1);
	}
	*pa = page->pa + (va & (page->size - 1));
	return 0;
}

/* How many bytes from va on, at most len, lie one after the other in physical memory from *pa. */
static ssize_t contiguous_run(struct hadal_space *space, uint64_t va, size_t len, uint64_t *pa)
{
	size_t run;
	int error = hadal_space_address(space, va, pa);

	if (error)
		return error;
	run = HADAL_PAGE_SIZE - va % HADAL_PAGE_SIZE;
	while (run < len) {
		uint64_t next;

		if (hadal_space_address(space, va + run, &next) || next != *pa + run)
			break;
		run += HADAL_PAGE_SIZE;
	}
	return run < len ? run : len;
}

ssize_t hadal_space_read(struct hadal_space *space, uint64_t va, void *buf, size_t len)
{
	size_t done = 0;

	if (len > SSIZE_MAX || va + len < va)
		return -EINVAL;
	while (done < len) {
		uint64_t pa;
		ssize_t run = contiguous_run(space, va + done, len - done, &pa);
		ssize_t got;

		if (run < 0)
			return done ? (ssize_t)done : run;
		got = hadal_page_cache_read(space->cache, pa, (char *)buf + done, run);
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += got;
		if (got < run)
			break;
	}
	return done;
}

int hadal_space_read_exact(struct hadal_space *space, uint64_t va, void *buf, size_t len)
{
	ssize_t got = hadal_space_read(space, va, buf, len);

	if (got < 0)
		return got;
	return (size_t)got == len ? 0 : -EFAULT;
}

int hadal_space_read_u32(struct hadal_space *space, uint64_t va, uint32_t *value)
{
	return hadal_space_read_exact(space, va, value, sizeof(*value));
}

int hadal_space_read_u64(struct hadal_space *space, uint64_t va, uint64_t *value)
{
	return hadal_space_read_exact(space, va, value, sizeof(*value));
}

ssize_t hadal_space_read_string(struct hadal_space *space, uint64_t va, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	while (len < size - 1) {
		size_t piece = HADAL_PAGE_SIZE - (va + len) % HADAL_PAGE_SIZE;
		ssize_t got;
		char *end;

		/* A string is short: do not translate and copy more than it is likely to need. */
		if (piece > 64)
			piece = 64;
		if (piece > size - 1 - len)
			piece = size - 1 - len;
		got = hadal_space_read(space, va + len, buf + len, piece);
		if (got <= 0) {
			buf[len] = '\0';
			return len ? (ssize_t)len : got;
		}
		end = memchr(buf + len, '\0', got);
		if (end)
			return end - buf;
		len += got;
	}
	buf[len] = '\0';
	return len;
}
