/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_SYSTEM_MODULE_H
#define HADAL_LIB_SYSTEM_MODULE_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HADAL_MODULE_NAME_MAX 64

enum hadal_module_state {
	HADAL_MODULE_LIVE,
	HADAL_MODULE_LOADING,
	HADAL_MODULE_UNLOADING,
	HADAL_MODULE_UNFORMED,
};

/* More than any kernel has: up to 6.3 there are 2, then one for each kind of memory. */
#define HADAL_MODULE_PARTS_MAX 16

/* A loaded kernel module. */
struct hadal_module {
	uint64_t address; /* of its struct module */
	uint64_t base;    /* of its text */
	uint64_t size;    /* bytes, all its parts, as in /proc/modules */
	int32_t references;
	enum hadal_module_state state;
	char name[HADAL_MODULE_NAME_MAX];
	uint32_t part_count;
	struct hadal_range
		parts[HADAL_MODULE_PARTS_MAX]; /* where it lies; the text's comes first */
};

struct hadal_module_list {
	struct hadal_module *items;
	size_t count;
	size_t lost; /* places where the kernel's list could not be followed */
};

/*
 * Lists the modules, the one loaded last first. Returns 0 or a negative errno with a sentence in
 * error; free the list in either case.
 */
int hadal_modules(struct hadal_kernel *kernel, struct hadal_module_list *list,
		  struct hadal_error *error);

/* The part that an address is in, or NULL. */
const struct hadal_range *hadal_module_part(const struct hadal_module *module, uint64_t address);

void hadal_modules_free(struct hadal_module_list *list);

/* As in /proc/modules: "Live", "Loading", "Unloading"; "Unformed" while it is being built. */
const char *hadal_module_state_name(enum hadal_module_state state);

#ifdef __cplusplus
}
#endif

#endif
