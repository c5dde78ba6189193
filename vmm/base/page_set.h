/* SPDX-License-Identifier: MIT */
/*
 * The pages that show others, or may at any time: a hash table by guest-physical address, in parts
 * of one page of memory, of which there are as many as are needed.
 */
#ifndef HADAL_BASE_PAGE_SET_H
#define HADAL_BASE_PAGE_SET_H

#include <stdint.h>
#include "base/bits.h"

/* LibVMI keeps 512 pages in one instance; 64 of these, and an eighth more for what else they have.
 */
#define PAGE_SET_MAX (64u * 576)

/* An entry is the page's address and, below it, these. 0 is a free place. */
#define PAGE_IN_USE      BIT(0)
#define PAGE_SHOWS_OTHER BIT(1)
#define PAGE_HAS_SHOWN   BIT(2) /* another one, at some time */
#define PAGE_OWNER_SHIFT 3      /* client_number(), 0 for who maps pages by HADAL_CALL_MAP */
#define PAGE_OWNER_MAX   511u

static inline uint64_t page_address_of(uint64_t entry)
{
	return entry & ~(PAGE_BYTES - 1);
}

static inline unsigned page_owner(uint64_t entry)
{
	return (entry & (PAGE_BYTES - 1)) >> PAGE_OWNER_SHIFT;
}

/* Parts of the table, of which some may be one; and places in each. */
#define PAGE_SET_DEPTH_MAX   8 /* bits of the hash, at most */
#define PAGE_SET_PARTS_MAX   (1u << PAGE_SET_DEPTH_MAX)
#define PAGE_SET_PART_PLACES (PAGE_BYTES / sizeof(uint64_t))
#define PAGE_SET_HASH_SHIFT  47 /* the 17 upper bits of a page's hash are its place */

static inline uint64_t page_set_hash(uint64_t gpa)
{
	return (gpa >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull;
}

/* No table: page_set_find() reads it where it is used most. */
extern uint64_t *page_set_part[PAGE_SET_PARTS_MAX];

/*
 * Where a page is, or the free place where it would go. Changes are made under nested_lock;
 * without it an entry may be missed while others come and go.
 */
static inline uint64_t *page_set_find(uint64_t gpa)
{
	const uint64_t place = page_set_hash(gpa) >> PAGE_SET_HASH_SHIFT;
	uint64_t *part =
		__atomic_load_n(&page_set_part[place / PAGE_SET_PART_PLACES], __ATOMIC_RELAXED);
	uint64_t i = place % PAGE_SET_PART_PLACES, entry;

	while ((entry = entry_read(&part[i])) && page_address_of(entry) != gpa)
		i = (i + 1) % PAGE_SET_PART_PLACES;
	return &part[i];
}

/* *entry: a free place for gpa. -ENOSPC when the table is full; -EAGAIN: page_set_grow() is to come
 * first. */
int page_set_put(uint64_t *entry, uint64_t gpa, unsigned owner);
/* A page of zeros becomes a part of the table; entries move. */
void page_set_grow(uint64_t gpa, uint64_t *memory);
/* Takes an entry out; others move. */
void page_set_erase(uint64_t *entry);
/*
 * Where a page was, two parts may have become so empty that they are one again: the memory that
 * comes free, once nobody reads there without the lock any more; or NULL. Entries move.
 */
uint64_t *page_set_shrink(uint64_t gpa);

/*
 * To go through an owner's entries, from position 0 to PAGE_SET_END: the next one in the part that
 * *position is in, which moves behind it; NULL at the part's end, when *position is at the next
 * part. What is erased on the way lets *position go back by one.
 */
#define PAGE_SET_END (PAGE_SET_PARTS_MAX * (uint32_t)PAGE_SET_PART_PLACES)
uint64_t *page_set_next(uint32_t *position, unsigned owner);
/* The begin of the part that a position is in, when the table may have changed meanwhile. */
uint32_t page_set_resume(uint32_t position);

#endif
