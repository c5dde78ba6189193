// SPDX-License-Identifier: MIT
/* Medians of what was measured. */
#include "samples.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void print(const char *name, const uint64_t *ticks, size_t count, uint64_t typical)
{
	printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name, ticks[0], typical,
	       ticks[count - 1]);
}

void samples_print_median(const char *name, uint64_t *ticks, size_t count)
{
	qsort(ticks, count, sizeof(*ticks), compare);
	print(name, ticks, count, ticks[count / 2]);
}

void samples_print(const char *name, uint64_t *ticks, size_t count)
{
	size_t best = 0, run = 0;
	uint64_t frequent = 0;

	qsort(ticks, count, sizeof(*ticks), compare);
	for (size_t i = 0; i < count; i++) {
		run = i && ticks[i] == ticks[i - 1] ? run + 1 : 1;
		if (run > best) {
			best = run;
			frequent = ticks[i];
		}
	}
	print(name, ticks, count, frequent);
}
