/* SPDX-License-Identifier: MIT */
/* The first check that fails is told and ends the program with 1. */
#ifndef TESTS_GUEST_CHECK_H
#define TESTS_GUEST_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition)) {                                            \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1);                                               \
		}                                                              \
	} while (0)

#define EQUAL(got, expected) check_equal(__FILE__, __LINE__, #got, got, expected)

static inline void check_equal(const char *file, int line, const char *what, int64_t got,
			       int64_t expected)
{
	if (got == expected)
		return;
	printf("%s:%d: %s is %lld (%#llx), expected %lld (%#llx)\n", file, line, what,
	       (long long)got, (unsigned long long)got, (long long)expected,
	       (unsigned long long)expected);
	exit(1);
}

#endif
