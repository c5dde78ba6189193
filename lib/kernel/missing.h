/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_MISSING_H
#define HADAL_LIB_KERNEL_MISSING_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Was all there that has been read since the kernel was found? Returns 0, or -ENODATA with a
 * sentence in error about the physical memory that the image lacks. Of a running machine, whose
 * memory is all there, it always returns 0.
 */
int hadal_kernel_missing(struct hadal_kernel *kernel, struct hadal_error *error);

/* The same of any memory, in which no kernel was looked for. */
int hadal_memory_missing(const struct hadal_memory *memory, struct hadal_error *error);

/*
 * Does raw memory seem to lack the hole below 4 GiB, as the kernel in it knows where RAM ends?
 * Returns 0, or -ENODATA with a sentence in error that says how to give the hole.
 */
int hadal_missing_hole(struct hadal_kernel *kernel, struct hadal_error *error);

/* What to do when nothing is found in memory that may be raw without the hole below 4 GiB, or "".
 */
const char *hadal_missing_hole_advice(const struct hadal_memory *memory);

#ifdef __cplusplus
}
#endif

#endif
