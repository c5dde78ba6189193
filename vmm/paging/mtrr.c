// SPDX-License-Identifier: MIT
/* Memory types of physical addresses from the values of the MTRRs. */
#include "paging/mtrr.h"
#include <stdbool.h>

#define CAP_COUNT       0xffu
#define CAP_FIXED       BIT(8)
#define DEF_FIXED       BIT(10)
#define DEF_ENABLED     BIT(11)
#define TYPE_MASK       0xffu
#define MASK_VALID      BIT(11)
#define FIXED_LIMIT     0x100000u
#define FIXED_64K_LIMIT 0x80000u
#define FIXED_16K_LIMIT 0xc0000u

static unsigned known_type(uint64_t type)
{
	switch (type) {
	case MEMORY_WC:
	case MEMORY_WT:
	case MEMORY_WP:
	case MEMORY_WB:
		return type;
	default:
		return MEMORY_UC; /* reserved encodings too: the strictest does no harm */
	}
}

unsigned mtrr_variable_count(const struct mtrr_state *mtrr)
{
	unsigned count = mtrr->cap & CAP_COUNT;

	return count < MTRR_VARIABLE_MAX ? count : MTRR_VARIABLE_MAX;
}

/* Each fixed MSR tells the types of 8 equal ranges, one byte each. */
static unsigned fixed_type(const struct mtrr_state *mtrr, uint64_t physical, uint64_t *end)
{
	unsigned range, shift;

	if (physical < FIXED_64K_LIMIT) {
		shift = 16;
		range = physical >> shift;
	} else if (physical < FIXED_16K_LIMIT) {
		shift = 14;
		range = 8 + ((physical - FIXED_64K_LIMIT) >> shift);
	} else {
		shift = 12;
		range = 24 + ((physical - FIXED_16K_LIMIT) >> shift);
	}
	*end = ((physical >> shift) + 1) << shift;
	return known_type(mtrr->fixed[range / 8] >> range % 8 * 8 & TYPE_MASK);
}

/* Type of memory that two variable ranges lay claim to (SDM, MTRR Precedences). */
static unsigned overlap_type(unsigned a, unsigned b)
{
	if (a == b)
		return a;
	if ((a == MEMORY_WT && b == MEMORY_WB) || (a == MEMORY_WB && b == MEMORY_WT))
		return MEMORY_WT;
	return MEMORY_UC; /* one of them is UC, or the combination is not defined */
}

/*
 * Does a variable range hold an address? The mask may have holes; the answer holds up to *end: for
 * a match as far as the lowest bit that counts stays the same, else as far as the highest wrong bit
 * does.
 */
static bool variable_match(const struct mtrr_state *mtrr, unsigned n, uint64_t physical,
			   uint64_t *end)
{
	uint64_t bits = low_mask(mtrr->physical_bits) & PT_ADDRESS;
	uint64_t mask = mtrr->mask[n] & bits;
	uint64_t wrong = (physical ^ mtrr->base[n]) & mask;
	unsigned bit;

	if (wrong)
		bit = 63 - __builtin_clzll(wrong);
	else if (mask)
		bit = __builtin_ctzll(mask);
	else
		bit = 63;
	*end = (physical | low_mask(bit)) + 1;
	return !wrong;
}

int mtrr_type_at(const struct mtrr_state *mtrr, uint64_t physical, uint64_t *end)
{
	bool found = false;
	unsigned type = MEMORY_UC;

	*end = ~0ull;
	if (!(mtrr->def_type & DEF_ENABLED))
		return MEMORY_UC;
	if (physical < FIXED_LIMIT && (mtrr->cap & CAP_FIXED) && (mtrr->def_type & DEF_FIXED))
		return fixed_type(mtrr, physical, end);
	for (unsigned n = 0; n < mtrr_variable_count(mtrr); n++) {
		unsigned this_type = known_type(mtrr->base[n] & TYPE_MASK);
		uint64_t this_end;

		if (!(mtrr->mask[n] & MASK_VALID))
			continue;
		if (variable_match(mtrr, n, physical, &this_end)) {
			type = found ? overlap_type(type, this_type) : this_type;
			found = true;
		}
		if (this_end < *end)
			*end = this_end;
	}
	return found ? type : known_type(mtrr->def_type & TYPE_MASK);
}

int mtrr_type(const struct mtrr_state *mtrr, uint64_t physical, uint64_t bytes)
{
	uint64_t last = physical + bytes - 1;
	uint64_t end;
	int type = mtrr_type_at(mtrr, physical, &end);

	while (end <= last) {
		if (mtrr_type_at(mtrr, end, &end) != type)
			return MTRR_MIXED;
	}
	return type;
}
