/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_MODULE_SYMBOLS_H
#define HADAL_LIB_SYSTEM_MODULE_SYMBOLS_H

#include "system/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The symbols of one module, in the order of /proc/kallsyms, and as it shows them. */
struct hadal_module_symbols {
	struct hadal_module_symbol {
		uint64_t address;
		char type; /* upper case for those that other modules may use */
		char *name;
	} * items;
	size_t count;
	size_t lost; /* that could not be read */
};

/* Returns 0 or a negative errno with a sentence in error; free the symbols in either case. */
int hadal_module_symbols(struct hadal_kernel *kernel, const struct hadal_module *module,
			 struct hadal_module_symbols *symbols, struct hadal_error *error);
void hadal_module_symbols_free(struct hadal_module_symbols *symbols);

#ifdef __cplusplus
}
#endif

#endif
