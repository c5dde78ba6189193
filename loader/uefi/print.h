/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LOADER_UEFI_PRINT_H
#define HADAL_LOADER_UEFI_PRINT_H

#include "uefi.h"

void print_init(struct efi_system_table *system);
/* "hadal: ", the text and a line end; %u, %x and %s only, of uint64_t and const char *. */
void say(const char *format, ...);

#endif
