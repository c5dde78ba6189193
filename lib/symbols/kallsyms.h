/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYMBOLS_KALLSYMS_H
#define HADAL_LIB_SYMBOLS_KALLSYMS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* KSYM_NAME_LEN of the newest kernels, with the terminator. */
#define HADAL_SYMBOL_NAME_MAX 512

struct hadal_symbol {
	uint64_t address;
	char type; /* as in nm and /proc/kallsyms */
	char name[HADAL_SYMBOL_NAME_MAX];
};

/* A kernel's own symbol tables (kallsyms), as they lie in its read-only data. */
struct hadal_kallsyms;

/*
 * Finds the tables in a copy of the kernel's read-only data (or of its whole image) by their
 * structure and checks every entry. va is the virtual address of the data, which must outlive the
 * result. Knows the orders of the tables of 5.10 to 6.1, of 6.2 to 6.3, of 6.4 and later and of
 * 7.x, with and without absolute per-CPU symbols. Returns 0, -ENOENT (not there), -ENOMEM.
 */
int hadal_kallsyms_find(const uint8_t *data, size_t len, uint64_t va,
			struct hadal_kallsyms **kallsyms, struct hadal_error *error);
void hadal_kallsyms_free(struct hadal_kallsyms *kallsyms);

size_t hadal_kallsyms_count(const struct hadal_kallsyms *kallsyms);

/*
 * Tells the virtual address of the data when that was not yet known (va 0) at finding: addresses
 * are relative to the data until then in 7.x, and right from the beginning in earlier kernels.
 */
void hadal_kallsyms_set_va(struct hadal_kallsyms *kallsyms, uint64_t va);

/* Where in the data the tables begin and end. */
void hadal_kallsyms_extent(const struct hadal_kallsyms *kallsyms, size_t *start, size_t *end);

/*
 * Symbols in ascending order of address: index from 0 to count - 1. Returns 0 or -ENOENT. Names
 * are packed one after the other, so going up by one from the last index asked for is cheap.
 */
int hadal_kallsyms_get(struct hadal_kallsyms *kallsyms, size_t index, struct hadal_symbol *symbol);

/* What to look for and what was found; address 0 when the kernel has no such symbol. */
struct hadal_lookup {
	const char *name;
	uint64_t address;
};

/*
 * Looks for all names in one pass; the first of several symbols with one name wins. Returns how
 * many were found.
 */
size_t hadal_kallsyms_lookup(const struct hadal_kallsyms *kallsyms, struct hadal_lookup *lookups,
			     size_t count);

/* The address of one name, or 0. */
uint64_t hadal_kallsyms_address(const struct hadal_kallsyms *kallsyms, const char *name);

/* The last symbol at or below address. Returns its index or -ENOENT. */
ssize_t hadal_kallsyms_nearest(const struct hadal_kallsyms *kallsyms, uint64_t address);

#ifdef __cplusplus
}
#endif

#endif
