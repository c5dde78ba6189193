/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_RAM_H
#define HADAL_LIB_SEARCH_RAM_H

#include "kernel/kernel.h"
#include "search/area.h"

/*
 * The RAM that a kernel has of its machine, with what was plugged in later, in whole pages as it
 * uses them. Free it with hadal_ranges_free in either case. Returns 0, or a negative errno with a
 * sentence in error: not all of it can be told, and ram is what can.
 */
int hadal_kernel_ram(struct hadal_kernel *kernel, struct hadal_ranges *ram,
		     struct hadal_error *error);

#endif
