/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_FUZZ_WALKERS_H
#define HADAL_TESTS_FUZZ_WALKERS_H

#include "system/symbolize.h"

/* What the walkers look into. */
struct target {
	struct hadal_memory *memory;
	struct hadal_kernel *kernel;
	struct hadal_symbolizer *symbolizer;
};

/*
 * Something that reads the kernel's objects. It returns a number made of all that it found, so that
 * it is seen which changes matter; of an image as it is that is not 0. Failing is right where the
 * image was changed, crashing is not.
 */
struct walker {
	const char *name;
	size_t (*walk)(struct target *target);
	unsigned weight; /* how often it has its turn; less for those that take long */
};

extern const struct walker walkers[];
extern const size_t walker_count;

#endif
