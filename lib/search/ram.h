/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SEARCH_RAM_H
#define HADAL_LIB_SEARCH_RAM_H

#include "kernel/kernel.h"
#include "search/area.h"

/*
 * The machine's RAM as the firmware told the kernel, without what was plugged in later. Free it
 * with hadal_ranges_free in either case. Returns 0 or a negative errno: it cannot be told.
 */
int hadal_kernel_ram(struct hadal_kernel *kernel, struct hadal_ranges *ram);

#endif
