/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_SYMBOLIZE_H
#define HADAL_LIB_SYSTEM_SYMBOLIZE_H

#include "kernel/kernel.h"

/* Names addresses of the kernel and of its modules. */
struct hadal_symbolizer;

/* Returns NULL with a sentence in error. The kernel must outlive it. */
struct hadal_symbolizer *hadal_symbolizer_new(struct hadal_kernel *kernel,
					      struct hadal_error *error);
void hadal_symbolizer_free(struct hadal_symbolizer *symbolizer);

/*
 * Writes "name", "name+0x12", or for modules "[name]+0x12" with the distance from the module's
 * text. Returns false, and an empty text, for an address that belongs to neither.
 */
bool hadal_symbolize(struct hadal_symbolizer *symbolizer, uint64_t address, char *text,
		     size_t size);

#endif
