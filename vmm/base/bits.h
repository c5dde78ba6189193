/* SPDX-License-Identifier: MIT */
#ifndef HADAL_BASE_BITS_H
#define HADAL_BASE_BITS_H

#include <stdint.h>

#define BIT(n)       (1ull << (n))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PAGE_SHIFT 12
#define PAGE_BYTES 4096ull
#define SIZE_2M    (1ull << 21)
#define SIZE_1G    (1ull << 30)

/* The low n bits, 0 <= n <= 64. */
static inline uint64_t low_mask(unsigned n)
{
	return n >= 64 ? ~0ull : BIT(n) - 1;
}

/*
 * One load or store of a page-table entry that other CPUs and their page walkers use too. A store
 * is seen after all earlier ones.
 */
static inline uint64_t entry_read(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void entry_write(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

#endif
