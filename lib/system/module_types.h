/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_MODULE_TYPES_H
#define HADAL_LIB_SYSTEM_MODULE_TYPES_H

#include "system/module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The types of the modules that have some, each with those of the kernel below them. */
struct hadal_module_types {
	struct hadal_module_type_set {
		uint64_t module; /* address of its struct module */
		struct hadal_types *types;
		char name[HADAL_MODULE_NAME_MAX];
	} * items;
	size_t count;
	size_t lost; /* modules whose types could not be read */
};

/*
 * Loads the types of all modules, as the kernel keeps them for BPF. Returns 0 or a negative errno
 * with a sentence in error: -ENOENT when the kernel keeps none. Free them in either case; the
 * kernel must outlive them.
 */
int hadal_module_types(struct hadal_kernel *kernel, struct hadal_module_types *types,
		       struct hadal_error *error);
void hadal_module_types_free(struct hadal_module_types *types);

#ifdef __cplusplus
}
#endif

#endif
