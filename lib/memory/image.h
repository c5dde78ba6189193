/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_MEMORY_IMAGE_H
#define HADAL_LIB_MEMORY_IMAGE_H

#include "memory/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens a file as physical memory: an ELF core (of hadal dump, kdump or QEMU), a LiME file, one of
 * AVML or of makedumpfile with compressed memory, or what
 * is none of these as raw memory, where the offset is the physical address. A path that is no file
 * and ends in ",hole=START-END" is raw memory that leaves these physical addresses out. Files of
 * other formats and those that are cut short are refused, and named. Returns 0 or a negative errno,
 * with a sentence in error.
 */
int hadal_image_open(const char *path, struct hadal_memory *memory, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
