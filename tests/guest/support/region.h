/* SPDX-License-Identifier: MIT */
/* A process's own memory for buffers, with pages on both sides that nobody may touch. */
#ifndef TESTS_GUEST_REGION_H
#define TESTS_GUEST_REGION_H

#include "support/world.h"

#define REGION_PAGES    80
#define REGION_READONLY 64 /* one page among them */

extern uint8_t *region;

void make_region(void);
/* Into it, to its edges, beside it, or to anywhere. */
uint64_t some_pointer(uint64_t *random, const struct world *world);
/* Not the program's own code, data and stack. */
bool is_harmless_pointer(uint64_t pointer);
/* What lies at a pointer may be an earlier result: it must not be a request that is taken. */
void spoil_version(uint8_t *pointer);

#endif
