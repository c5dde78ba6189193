/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LOADER_UEFI_STRING_H
#define HADAL_LOADER_UEFI_STRING_H

#include <stddef.h>

void *memset(void *to, int byte, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);

#endif
