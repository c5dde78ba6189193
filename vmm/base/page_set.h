/* SPDX-License-Identifier: MIT */
/* The pages that show others, or may at any time: a hash table by guest-physical address. */
#ifndef HADAL_BASE_PAGE_SET_H
#define HADAL_BASE_PAGE_SET_H

#include <stdint.h>
#include "base/bits.h"

#define PAGE_SET_MAX 4096u

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

/*
 * Where a page is, or the free place where it would go. Changes are made under nested_lock;
 * without it an entry may be missed while others come and go.
 */
uint64_t *page_set_find(uint64_t gpa);
/* -ENOSPC when the table is full. *entry: a free place. */
int page_set_put(uint64_t *entry, uint64_t gpa, unsigned owner);
/* Takes an entry out; others move. */
void page_set_erase(uint64_t *entry);
/* The next entry of an owner from *position on, which moves behind it; NULL at the end. */
uint64_t *page_set_next(uint32_t *position, unsigned owner);

#endif
