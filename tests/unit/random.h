/* SPDX-License-Identifier: MIT */
/* Random numbers that repeat from run to run: xorshift64*. A state is never 0. */
#ifndef HADAL_TESTS_RANDOM_H
#define HADAL_TESTS_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
	return random_next(state) % limit;
}

#endif
