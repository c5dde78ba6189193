/* SPDX-License-Identifier: MIT */
/*
 * Page tables of 4 or 5 levels in any of three formats: the image's own, NPT and EPT.
 *
 * Levels count from 1 (4 KiB entries) over 2 (2 MiB) and 3 (1 GiB) up to the root's. Every change
 * reaches the table by single 64-bit writes, a new table only after it is filled, so that page
 * walkers of other CPUs may use it all the time. Nothing here flushes a TLB: that is the caller's,
 * before a change counts as done. Changes need a lock; pt_lookup() does not, as long as retired
 * tables are kept.
 */
#ifndef HADAL_PAGING_PAGETABLE_H
#define HADAL_PAGING_PAGETABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/bits.h"
#include "paging/pt_pool.h"

/* Memory types, encoded as in MTRRs and EPT entries (SDM, Memory Cache Control). */
enum memory_type {
	MEMORY_UC = 0,
	MEMORY_WC = 1,
	MEMORY_WT = 4,
	MEMORY_WP = 5,
	MEMORY_WB = 6,
};

/*
 * Attributes of a mapping. No rights at all is a mapping too: the address is kept, every access
 * faults. WRITE without READ does not exist, and EXEC without it only in a leaf
 * of EPT that pt_make_leaf() makes.
 */
#define PT_READ       (1u << 0)
#define PT_WRITE      (1u << 1)
#define PT_EXEC       (1u << 2)
#define PT_RIGHTS     (PT_READ | PT_WRITE | PT_EXEC)
#define PT_GLOBAL     (1u << 4) /* the image's own tables only */
#define PT_PINNED     (1u << 5) /* never merged into a larger entry */
#define PT_TYPE_SHIFT 8
#define PT_TYPE(type) ((uint32_t)(type) << PT_TYPE_SHIFT)

/* The type of memory in attributes, enum memory_type. */
static inline unsigned pt_type(uint32_t attr)
{
	return attr >> PT_TYPE_SHIFT & 7;
}

/* Software bits, ignored by the processor in leaves of all formats. */
#define PT_SW_KEPT   BIT(52) /* an entry, even if no right is left in it */
#define PT_SW_PINNED BIT(53)

/* What tells the formats apart; bits of entries. */
struct pt_format {
	uint64_t present;     /* some of these, in an entry that is in use */
	uint64_t read, write; /* the right's bit */
	uint64_t exec;        /* the right's bit, or 0 */
	uint64_t no_exec;     /* the bit that denies it, or 0 */
	uint64_t global;
	uint64_t leaf_extra;  /* set in every leaf with rights */
	uint64_t table_extra; /* set in every entry that names a table */
	uint64_t type_mask;
	uint64_t type[8]; /* per memory type; a format without one has the next stricter */
};

/* The image's own tables; supervisor, WB and UC only, so that they do not depend on PAT. */
extern const struct pt_format pt_format_host;
/* AMD nested paging; needs EFER.NXE in the host (APM, Nested Paging). */
extern const struct pt_format pt_format_npt;
/* EPT without accessed and dirty flags; PAT of the guest honoured (SDM, EPT). */
extern const struct pt_format pt_format_ept;

#define PT_ADDRESS    0x000ffffffffff000ull
#define PT_LARGE      BIT(7)
#define PT_ENTRIES    512u
#define PT_MAX_LEVELS 5

struct pagetable {
	const struct pt_format *format;
	struct pt_pool *pool;
	uint64_t *root;
	uint8_t levels;  /* 4 or 5 */
	uint8_t largest; /* largest leaf: level 2 or 3 */
};

/* Tables taken out of use that a processor may still walk until it has flushed. */
#define PT_GARBAGE_MAX 62
struct pt_garbage {
	unsigned count;
	uint64_t *table[PT_GARBAGE_MAX];
};

/* Give the tables back to the pool. Call after every CPU has flushed. */
void pt_garbage_free(struct pt_pool *pool, struct pt_garbage *garbage);

/* Start an empty table. largest: 2, or 3 where the processor has 1 GiB pages. 0 or -ENOMEM. */
int pt_init(struct pagetable *pt, const struct pt_format *format, struct pt_pool *pool,
	    unsigned levels, unsigned largest);

/* Give back all tables, the root too. No processor may use them any more. */
void pt_destroy(struct pagetable *pt);

static inline uint64_t pt_root_physical(const struct pagetable *pt)
{
	return pt_pool_physical(pt->pool, pt->root);
}

/* Bytes that one entry of a level covers. */
static inline uint64_t pt_level_bytes(unsigned level)
{
	return BIT(PAGE_SHIFT + 9 * (level - 1));
}

static inline unsigned pt_index(uint64_t va, unsigned level)
{
	return va >> (PAGE_SHIFT + 9 * (level - 1)) & (PT_ENTRIES - 1);
}

static inline bool pt_in_use(const struct pt_format *format, uint64_t entry)
{
	return entry & (format->present | PT_SW_KEPT);
}

static inline bool pt_is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (entry & PT_LARGE);
}

/* Physical address that a leaf at the given level starts at. */
static inline uint64_t pt_leaf_address(uint64_t entry, unsigned level)
{
	return entry & PT_ADDRESS & ~(pt_level_bytes(level) - 1);
}

/* A leaf. physical: aligned to the level's size. */
uint64_t pt_make_leaf(const struct pt_format *format, uint64_t physical, uint32_t attr,
		      unsigned level);

/* Rights, type and flags of a leaf; host and NPT leaves tell WB and UC only. */
uint32_t pt_leaf_attr(const struct pt_format *format, uint64_t entry);

/*
 * The entry that decides about an address: a leaf, or an empty one.
 * Never NULL. The value to go by is the one stored in *value, its level in *level.
 */
uint64_t *pt_lookup(const struct pagetable *pt, uint64_t va, uint64_t *value, unsigned *level);

/*
 * Map [va, va + bytes) to physical memory, with the largest pages that alignment allows. Everything
 * page-aligned. Nothing may be mapped there yet. 0, -EINVAL, -EEXIST, -ENOMEM; nothing is mapped on
 * error.
 */
int pt_map(struct pagetable *pt, uint64_t va, uint64_t physical, uint64_t bytes, uint32_t attr);

/* Make the entry for va be at the given level or below, same translation. 0, -ENOENT, -ENOMEM. */
int pt_split(struct pagetable *pt, uint64_t va, unsigned level);

/*
 * Map one 4 KiB page, whatever was mapped there before, splitting larger ones. The memory type and
 * rights are all new. 0, -EINVAL, -ENOMEM.
 */
int pt_set_page(struct pagetable *pt, uint64_t va, uint64_t physical, uint32_t attr);

/*
 * Unmap [va, va + bytes), page-aligned; large pages are split at its ends. Tables left empty go to
 * garbage while there is room in it and stay in place otherwise. 0, -EINVAL, -ENOMEM (unchanged).
 */
int pt_unmap(struct pagetable *pt, uint64_t va, uint64_t bytes, struct pt_garbage *garbage);

/*
 * Put the table that maps va back into one larger entry if all its entries are alike and
 * contiguous, and again one level up. The tables go to garbage; when that is full, nothing more is
 * merged. Returns the number of tables taken out.
 */
unsigned pt_merge(struct pagetable *pt, uint64_t va, struct pt_garbage *garbage);

#endif
