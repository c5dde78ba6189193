/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_IMAGE_H
#define HADAL_LIB_IMAGE_H

#include "memory.h"

/*
 * Opens a raw file (offset = physical address) as physical memory. Returns 0 or a negative errno,
 * with a sentence in error.
 */
int hadal_image_open(const char *path, struct hadal_memory *memory, struct hadal_error *error);

#endif
