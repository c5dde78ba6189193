// SPDX-License-Identifier: MIT
/* Copies of pages that fetches see in place of the pages. */
#include "paging/copy.h"
#include "base/errno.h"

_Static_assert(sizeof(struct page_copy) <= PAGE_BYTES, "one page of the pool has it");

static struct page_copy **slot_of(const struct copies *copies, uint64_t gpa)
{
	for (uint32_t i = 0; i < copies->count; i++)
		if (copies->at[i]->gpa == (gpa & ~(PAGE_BYTES - 1)))
			return (struct page_copy **)&copies->at[i];
	return NULL;
}

struct page_copy *copy_find(const struct copies *copies, uint64_t gpa)
{
	struct page_copy **slot = slot_of(copies, gpa);

	return slot ? *slot : NULL;
}

static struct page_copy *make(struct pt_pool *pool, uint64_t gpa, uint64_t source, const void *from)
{
	struct page_copy *copy;

	if (pt_pool_available(pool) < 2)
		return NULL;
	copy = (struct page_copy *)pt_pool_alloc(pool);
	copy->gpa = gpa;
	copy->source = source;
	copy->from = from;
	copy->bytes = pt_pool_alloc(pool);
	copy->users = 1;
	copy_refresh(copy);
	return copy;
}

int copy_take(struct copies *copies, struct pt_pool *pool, uint64_t gpa, uint64_t source,
	      const void *from)
{
	struct page_copy *copy = copy_find(copies, gpa);

	if (copy) {
		copy->users++;
		return 0;
	}
	if (copies->count == COPIES_MAX)
		return -ENOSPC;
	copy = make(pool, gpa, source, from);
	if (!copy)
		return -ENOMEM;
	copies->at[copies->count++] = copy;
	return 0;
}

struct page_copy *copy_give(struct copies *copies, uint64_t gpa)
{
	struct page_copy **slot = slot_of(copies, gpa), *copy = *slot;

	if (--copy->users)
		return NULL;
	*slot = copies->at[--copies->count];
	return copy;
}

void copy_free(struct pt_pool *pool, struct page_copy *copy)
{
	pt_pool_free(pool, copy->bytes);
	pt_pool_free(pool, (uint64_t *)copy);
}

void copy_set_int3(struct page_copy *copy, uint32_t offset, bool on)
{
	uint8_t *byte = (uint8_t *)copy->bytes + offset;
	uint8_t bit = 1u << offset % 8, value = COPY_INT3;

	if (on) {
		copy->int3[offset / 8] |= bit;
	} else {
		copy->int3[offset / 8] &= ~bit;
		value = ((const uint8_t *)copy->from)[offset];
	}
	__atomic_store_n(byte, value, __ATOMIC_SEQ_CST);
}

static uint64_t with_int3(uint64_t word, uint8_t bits)
{
	for (; bits; bits &= bits - 1) {
		unsigned shift = 8 * __builtin_ctz(bits);

		word = (word & ~(0xffull << shift)) | (uint64_t)COPY_INT3 << shift;
	}
	return word;
}

void copy_refresh(struct page_copy *copy)
{
	for (unsigned i = 0; i < PAGE_BYTES / 8; i++) {
		uint64_t word = entry_read(&copy->from[i]);

		if (copy->int3[i])
			word = with_int3(word, copy->int3[i]);
		if (copy->bytes[i] != word)
			entry_write(&copy->bytes[i], word);
	}
}
