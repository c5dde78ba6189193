/* SPDX-License-Identifier: MIT */
/* A small guest memory with one address mapped through four levels. */
#ifndef HADAL_TESTS_GUEST_WALK_FIXTURE_H
#define HADAL_TESTS_GUEST_WALK_FIXTURE_H

#include <stdbool.h>
#include <string.h>
#include "unit.h"
#include "base/errno.h"
#include "paging/guest_walk.h"

#define PAGES 16u
#define P     1ull
#define RW    2ull
#define US    4ull
#define PS    0x80ull
#define NX    (1ull << 63)
#define ALL   (P | RW | US)

#define RIGHTS_ALL (WALK_READ | WALK_WRITE | WALK_EXEC | WALK_USER)
#define USER_READ  (WALK_READ | WALK_USER)

/* Guest-physical pages 0 to PAGES - 1 are memory; page n is at n * 4096. */
static _Alignas(4096) uint64_t memory[PAGES][512];
static unsigned table_calls;

static inline void *table(void *context, uint64_t gpa)
{
	assert_ptr_equal(context, memory);
	assert_int_equal(gpa % PAGE_BYTES, 0);
	table_calls++;
	return gpa / PAGE_BYTES < PAGES ? memory[gpa / PAGE_BYTES] : NULL;
}

static inline struct guest_paging long_mode(void)
{
	return (struct guest_paging){
		.cr0 = 0x80010001, /* PG, WP, PE */
		.cr3 = 0x1000,
		.cr4 = 0x20,
		.efer = 0xd01, /* NXE, LMA, LME, SCE */
		.physical_bits = 40,
		.has_1g = true,
	};
}

static inline int walk_to(const struct guest_paging *paging, uint64_t gva, uint32_t access,
			  struct guest_walk *walk)
{
	table_calls = 0;
	return guest_walk(paging, gva, access, table, memory, walk);
}

/* Expect a page fault with exactly this error code. */
static inline void expect_fault(const struct guest_paging *paging, uint64_t gva, uint32_t access,
				uint32_t code)
{
	struct guest_walk walk;

	assert_int_equal(walk_to(paging, gva, access, &walk), -EFAULT);
	assert_int_equal(walk.fault, code);
}

static inline void expect_gpa(const struct guest_paging *paging, uint64_t gva, uint32_t access,
			      uint64_t gpa)
{
	struct guest_walk walk;

	assert_int_equal(walk_to(paging, gva, access, &walk), 0);
	assert_int_equal(walk.gpa, gpa);
}

/* GVA 0x40201000 + x: indices 0, 1, 1, 1 through pages 1 to 4; the page is 0xabcde000. */
#define GVA 0x40201123ull
static inline int clear_memory(void **unused)
{
	(void)unused;
	memset(memory, 0, sizeof(memory));
	memory[1][0] = 0x2000 | ALL;
	memory[2][1] = 0x3000 | ALL;
	memory[3][1] = 0x4000 | ALL;
	memory[4][1] = 0xabcde000 | ALL;
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, clear_memory)

#endif
