/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMORY_SPACE_H
#define HADAL_LIB_MEMORY_SPACE_H

#include <stdbool.h>

#include "memory/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HADAL_PAGE_SIZE 4096u

/* Bits of a page-table entry, SDM volume 3 chapter 4 (Paging), APM volume 2 chapter 5. */
#define HADAL_PTE_PRESENT  (1ull << 0)
#define HADAL_PTE_WRITE    (1ull << 1)
#define HADAL_PTE_USER     (1ull << 2)
#define HADAL_PTE_LARGE    (1ull << 7)
#define HADAL_PTE_NX       (1ull << 63)
#define HADAL_PTE_ADDRESS  0x000ffffffffff000ull
#define HADAL_CR4_LA57     (1ull << 12)
#define HADAL_CR3_PCID     0xfffull
#define HADAL_CR3_KPTI_BIT 0x1000ull

/* What a page-table entry alone allows: HADAL_STEP_*. */
uint32_t hadal_entry_rights(uint64_t entry);

/* Keeps the pages that were read last, so that page tables and small objects are read once. */
struct hadal_page_cache;

/* Returns NULL when out of memory. The memory must outlive the cache. */
struct hadal_page_cache *hadal_page_cache_new(struct hadal_memory *memory);
void hadal_page_cache_free(struct hadal_page_cache *cache);
/* Forgets all pages: what is read next is the machine's memory as it is then. */
void hadal_page_cache_flush(struct hadal_page_cache *cache);
/* The same, and leaves no copy of them in this program's memory. */
void hadal_page_cache_wipe(struct hadal_page_cache *cache);
struct hadal_memory *hadal_page_cache_memory(struct hadal_page_cache *cache);

/*
 * Reads physical memory: small pieces through the cache, large ones straight from the source.
 * Returns the bytes read, possibly fewer than len, or a negative errno.
 */
ssize_t hadal_page_cache_read(struct hadal_page_cache *cache, uint64_t pa, void *buf, size_t len);

#define HADAL_SPACE_TLB 64

/* A virtual address space under one page-table root. */
struct hadal_space {
	struct hadal_page_cache *cache;
	uint64_t root;   /* physical, page-aligned */
	unsigned levels; /* 4 or 5 */
	/* What was translated last: pages of 4 KiB, and larger ones. */
	struct hadal_space_page {
		uint64_t va;   /* of the page */
		uint64_t size; /* 0: the entry is empty */
		uint64_t pa;
	} small[HADAL_SPACE_TLB], large[HADAL_SPACE_TLB];
};

void hadal_space_init(struct hadal_space *space, struct hadal_page_cache *cache, uint64_t root,
		      unsigned levels);

/* Forgets translations and cached pages; call it before looking again at a running machine. */
void hadal_space_flush(struct hadal_space *space);

/*
 * Walks the page tables for va and tells every step. Returns translation->result: 0, -EFAULT
 * (not present), -EINVAL (not canonical or a reserved bit), -ENXIO (a table outside RAM).
 */
int hadal_space_translate(struct hadal_space *space, uint64_t va,
			  struct hadal_translation *translation);

/* The physical address of va; returns 0 or as hadal_space_translate. */
int hadal_space_address(struct hadal_space *space, uint64_t va, uint64_t *pa);

/* Reads up to len bytes at va, fewer when a page on the way is missing. Bytes or errno. */
ssize_t hadal_space_read(struct hadal_space *space, uint64_t va, void *buf, size_t len);

/* Reads exactly len bytes at va; 0 or a negative errno. */
int hadal_space_read_exact(struct hadal_space *space, uint64_t va, void *buf, size_t len);
int hadal_space_read_u32(struct hadal_space *space, uint64_t va, uint32_t *value);
int hadal_space_read_u64(struct hadal_space *space, uint64_t va, uint64_t *value);

/*
 * Reads a string of at most size - 1 bytes; the buffer is always terminated. Returns its length,
 * or a negative errno when its first byte cannot be read.
 */
ssize_t hadal_space_read_string(struct hadal_space *space, uint64_t va, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
