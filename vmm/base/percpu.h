/* SPDX-License-Identifier: MIT */
/* Which CPU this is, told by where its stack lies. */
#ifndef HADAL_BASE_PERCPU_H
#define HADAL_BASE_PERCPU_H

#include <stdint.h>

/* On INIT's own stack, before any CPU has one. */
#define PERCPU_NONE (~0u)

/* The CPU whose stack this runs on, or PERCPU_NONE. */
uint32_t percpu_index(void);

#endif
