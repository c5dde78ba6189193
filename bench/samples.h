/* SPDX-License-Identifier: MIT */
/* What the benchmark's programs share: ticks, and a line of output for a set of them. */
#ifndef HADAL_BENCH_SAMPLES_H
#define HADAL_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* TSC ticks; instructions executed, in the emulators that bench/run uses. */
static inline uint64_t ticks_now(void)
{
	return __builtin_ia32_rdtsc();
}

/* Prints "NAME LEAST MOST_FREQUENT GREATEST"; reorders the ticks. */
void samples_print(const char *name, uint64_t *ticks, size_t count);
/* Prints "NAME LEAST MEDIAN GREATEST", for samples of which hardly two are alike. */
void samples_print_median(const char *name, uint64_t *ticks, size_t count);

#endif
