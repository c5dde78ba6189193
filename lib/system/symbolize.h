/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_SYMBOLIZE_H
#define HADAL_LIB_SYSTEM_SYMBOLIZE_H

#include "system/module_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Names addresses of the kernel and of its modules, and finds what has a name. */
struct hadal_symbolizer;

/* Returns NULL with a sentence in error. The kernel must outlive it. */
struct hadal_symbolizer *hadal_symbolizer_new(struct hadal_kernel *kernel,
					      struct hadal_error *error);
void hadal_symbolizer_free(struct hadal_symbolizer *symbolizer);

/* The symbol that an address belongs to. */
struct hadal_symbol_place {
	const struct hadal_module *module; /* NULL: the kernel's own */
	struct hadal_symbol symbol;        /* for a module without symbols: its part, no name */
};

/* Returns false for an address that belongs to no symbol: not of kernel or module, or in a gap. */
bool hadal_symbol_at(struct hadal_symbolizer *symbolizer, uint64_t address,
		     struct hadal_symbol_place *place);

/*
 * Writes "name", "name+0x12", or for modules "name+0x12 [module]", "[module]+0x12" when no symbol
 * is at or before it. Returns false, and an empty text, for an address that belongs to neither.
 */
bool hadal_symbolize(struct hadal_symbolizer *symbolizer, uint64_t address, char *text,
		     size_t size);

/*
 * The same for a return address, which may lie behind the end of the function that made the call.
 */
bool hadal_symbolize_return(struct hadal_symbolizer *symbolizer, uint64_t address, char *text,
			    size_t size);

/*
 * Finds a symbol: of the kernel, or else of its modules, or with the name "MODULE:NAME" of that
 * module alone. *count, unless NULL: how many there are of the kernel, or of modules; the first
 * is taken. Returns false when there is none.
 */
bool hadal_symbol_find(struct hadal_symbolizer *symbolizer, const char *name,
		       struct hadal_symbol_place *place, size_t *count);

/* Where the symbol after that begins, or the part of the module ends; its address when unknown. */
uint64_t hadal_symbol_end(struct hadal_symbolizer *symbolizer,
			  const struct hadal_symbol_place *place);

/*
 * The types of modules, loaded when first asked for. Returns NULL with a sentence in error when the
 * kernel keeps none.
 */
const struct hadal_module_types *hadal_symbolizer_types(struct hadal_symbolizer *symbolizer,
							struct hadal_error *error);

/*
 * How many places of the list of modules could not be followed, and symbols of the modules asked
 * for so far could not be read: what lies there has no name.
 */
size_t hadal_symbolizer_lost(const struct hadal_symbolizer *symbolizer);

/* The modules, for those who want them all. */
const struct hadal_module_list *hadal_symbolizer_modules(const struct hadal_symbolizer *symbolizer);

#ifdef __cplusplus
}
#endif

#endif
