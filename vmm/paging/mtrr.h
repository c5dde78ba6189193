/* SPDX-License-Identifier: MIT */
/* Memory types of physical addresses from the MTRRs (SDM volume 3, Memory Cache Control). */
#ifndef HADAL_PAGING_MTRR_H
#define HADAL_PAGING_MTRR_H

#include <stdbool.h>
#include <stdint.h>
#include "paging/pagetable.h"

#define MTRR_FIXED_COUNT  11
#define MTRR_VARIABLE_MAX 16
#define MTRR_MIXED        (-1)

#define MTRR_DEF_E (1ull << 11) /* of def_type: they are enabled */

/* The MSRs of the fixed ranges. */
extern const uint32_t mtrr_fixed_msr[MTRR_FIXED_COUNT];

/* Raw MSR values. */
struct mtrr_state {
	uint64_t cap;                     /* IA32_MTRRCAP, 0xfe */
	uint64_t def_type;                /* IA32_MTRR_DEF_TYPE, 0x2ff */
	uint64_t fixed[MTRR_FIXED_COUNT]; /* 0x250, 0x258, 0x259, 0x268 to 0x26f */
	uint64_t base[MTRR_VARIABLE_MAX]; /* 0x200 + 2n */
	uint64_t mask[MTRR_VARIABLE_MAX]; /* 0x201 + 2n */
	uint8_t physical_bits;            /* CPUID 0x80000008 EAX[7:0] */
};

/* Number of variable ranges to read and use: what cap tells, at most MTRR_VARIABLE_MAX. */
unsigned mtrr_variable_count(const struct mtrr_state *mtrr);

/* Type (enum memory_type) of an address. It stays the same up to *end, perhaps beyond. */
int mtrr_type_at(const struct mtrr_state *mtrr, uint64_t physical, uint64_t *end);

/* Type of all of [physical, physical + bytes), or MTRR_MIXED. */
int mtrr_type(const struct mtrr_state *mtrr, uint64_t physical, uint64_t bytes);

/* The processor's MTRRs as they are now. */
void mtrr_read(struct mtrr_state *mtrr, uint8_t physical_bits);
/* Whether an MSR is one of those that tell memory types. */
bool mtrr_has(uint32_t msr);

#endif
