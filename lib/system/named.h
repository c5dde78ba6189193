/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_NAMED_H
#define HADAL_LIB_SYSTEM_NAMED_H

#include "system/symbolize.h"

/* What a symbol of the kernel or of one of its modules stands for. */
struct hadal_named {
	uint64_t address; /* with the offset */
	uint64_t size;    /* bytes up to the next symbol; 0: not known */
	bool code;
	size_t count; /* how many symbols have the name; it is the first one's */
};

/*
 * Looks up "symbol" or "symbol+offset"; the kernel's own go before those of modules. Returns 0,
 * -EINVAL (the offset is no number) or -ENOENT, with a sentence in error.
 */
int hadal_named_find(struct hadal_kernel *kernel, struct hadal_symbolizer *symbolizer,
		     const char *text, struct hadal_named *named, struct hadal_error *error);

#endif
