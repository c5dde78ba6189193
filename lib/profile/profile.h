/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROFILE_PROFILE_H
#define HADAL_LIB_PROFILE_PROFILE_H

#include <stdbool.h>
#include <stdio.h>

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What other tools want to know of a kernel, taken from its memory alone. Addresses are those the
 * kernel was linked at, as these tools expect: they find out themselves how far it has moved. All
 * return 0, or a negative errno with a sentence in error; writing is checked by the caller, by
 * ferror().
 */

/*
 * Symbols and types as volatility3 reads them: ISF, schema 6.2. with_modules: also those of the
 * modules that are loaded now, but for names that the kernel or an earlier module has; it fails
 * when the kernel keeps no types of modules.
 */
int hadal_profile_isf(struct hadal_kernel *kernel, bool with_modules, FILE *out,
		      struct hadal_error *error);

/* All symbols as in a System.map. */
int hadal_profile_system_map(struct hadal_kernel *kernel, FILE *out, struct hadal_error *error);

/* What LibVMI calls this system, by its Bareflank driver, and a file of `hadal mount`. */
#define HADAL_LIBVMI_DOMAIN "dom0"
#define HADAL_LIBVMI_FILE   "memory.raw"

/* LibVMI's configuration knows no quoting: can it have such a domain, or such a path? */
bool hadal_libvmi_domain_fits(const char *domain);
bool hadal_libvmi_path_fits(const char *path);

/*
 * An entry of LibVMI's configuration for the domain, or the file of that base name, called
 * `domain`; NULL: two, for HADAL_LIBVMI_DOMAIN and HADAL_LIBVMI_FILE. system_map is the path of
 * that file, or NULL to leave it out.
 */
int hadal_profile_libvmi(struct hadal_kernel *kernel, const char *domain, const char *system_map,
			 FILE *out, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
