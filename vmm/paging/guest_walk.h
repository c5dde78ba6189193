/* SPDX-License-Identifier: MIT */
/* Translation of the guest's virtual addresses by its own page tables, which may be hostile. */
#ifndef HADAL_PAGING_GUEST_WALK_H
#define HADAL_PAGING_GUEST_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bits.h"

/* How the guest's processor reads addresses. */
struct guest_paging {
	uint64_t cr0, cr3, cr4, efer;
	uint8_t physical_bits;
	bool has_1g; /* 1 GiB pages, CPUID 0x80000001 EDX[26] */
};

/* The access to check for, and the rights found. The first four as HADAL_STEP_*. */
#define WALK_READ   1u
#define WALK_WRITE  2u
#define WALK_EXEC   4u
#define WALK_USER   8u  /* the access is made in ring 3; in rights: ring 3 may */
#define WALK_ANY    16u /* only translate: any mapped page will do, whatever its rights */
#define WALK_SET_AD 32u /* set accessed and dirty flags, as the processor would */

/*
 * Host address of a page of guest-physical memory that holds a table, or NULL when it is no memory
 * that the guest may see. gpa: page-aligned. Written to with WALK_SET_AD only.
 */
typedef void *(*walk_table_fn)(void *context, uint64_t gpa);

struct walk_step {
	uint64_t address; /* guest-physical address of the entry */
	uint64_t value;
	uint8_t level;  /* 5 to 1 */
	uint8_t rights; /* WALK_READ, WRITE, EXEC, USER that this entry alone allows; 0 when not
			   present */
};

#define WALK_MAX_STEPS 5
struct guest_walk {
	uint64_t gpa;        /* of the byte asked for */
	uint64_t page_bytes; /* size of the page that maps it */
	uint32_t fault;      /* page-fault error code with -EFAULT */
	uint8_t rights;      /* WALK_* of all steps together */
	uint8_t levels;      /* levels of the mode: 5, 4, 3, 2, or 0 without paging */
	uint8_t step_count;  /* also valid on error */
	struct walk_step step[WALK_MAX_STEPS];
	void *table[WALK_MAX_STEPS]; /* host addresses of the entries, for walk_cache_fill() */
};

#define PF_PRESENT  1u
#define PF_WRITE    2u
#define PF_USER     4u
#define PF_RESERVED 8u
#define PF_FETCH    16u

/*
 * Translate one address. Each entry is read exactly once. Segmentation, protection keys, SMEP, SMAP
 * and shadow stacks are not looked at. At most 5 steps, whatever the tables hold.
 *
 * 0; -EFAULT with walk->fault as the processor would push it (not present, forbidden, reserved
 * bits); -EINVAL: not canonical; -ENXIO: a table is not in memory that the guest may see.
 */
int guest_walk(const struct guest_paging *paging, uint64_t gva, uint32_t access,
	       walk_table_fn table, void *context, struct guest_walk *walk);

/*
 * The last translation of one CPU, for a fast and exact repeat: it counts only while all its
 * entries still hold the values they had. Drop it (walk_cache_drop()) when the nested map changes,
 * and when CR0.PG or CR4.LA57 may have. Use it in 64-bit mode only.
 */
struct walk_cache {
	uint64_t cr3;
	uint64_t page; /* first address of the 4 KiB page; WALK_CACHE_EMPTY when there is none */
	const uint8_t *host; /* where that page is */
	bool has_fifth;
	/* Entries beyond the levels walked repeat the last one, so that a hit needs no loop. */
	const uint64_t *entry[WALK_MAX_STEPS];
	uint64_t value[WALK_MAX_STEPS];
} __attribute__((aligned(128))); /* an index into an array of them is a shift */

/* No canonical address lies in this page. */
#define WALK_CACHE_EMPTY BIT(63)

static inline void walk_cache_drop(struct walk_cache *cache)
{
	cache->page = WALK_CACHE_EMPTY;
}

/* Remember a walk that succeeded in long mode. host: where the 4 KiB page at walk->gpa is. */
void walk_cache_fill(struct walk_cache *cache, uint64_t cr3, uint64_t gva,
		     const struct guest_walk *walk, const void *host);

static inline bool walk_cache_same(const struct walk_cache *cache, unsigned i)
{
	return __builtin_expect(entry_read(cache->entry[i]) == cache->value[i], true);
}

/* Host address of gva, or NULL when it has to be walked. Valid to the end of the 4 KiB page. */
static inline const uint8_t *walk_cache_hit(const struct walk_cache *cache, uint64_t cr3,
					    uint64_t gva)
{
	uint64_t offset = gva - cache->page;

	if (offset >= PAGE_BYTES || cache->cr3 != cr3)
		return 0;
	if (!walk_cache_same(cache, 0) || !walk_cache_same(cache, 1) ||
	    !walk_cache_same(cache, 2) || !walk_cache_same(cache, 3))
		return 0;
	if (__builtin_expect(cache->has_fifth, false) && !walk_cache_same(cache, 4))
		return 0;
	return cache->host + offset;
}

/* After a hit or a fill: whether ring 3 may write there. */
static inline bool walk_cache_user_writable(const struct walk_cache *cache)
{
	const uint64_t *v = cache->value;

	return !(~(v[0] & v[1] & v[2] & v[3] & v[4]) & (BIT(1) | BIT(2)));
}

#endif
