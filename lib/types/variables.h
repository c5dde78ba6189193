/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_TYPES_VARIABLES_H
#define HADAL_LIB_TYPES_VARIABLES_H

#include "types/btf.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The type of a well-known variable of the kernel: BTF tells those of per-CPU variables only.
 * Returns the id of its structure, and in *pointer whether the variable only points to one; 0 when
 * it is not known.
 */
uint32_t hadal_types_variable(const struct hadal_types *types, const char *symbol, bool *pointer);

#ifdef __cplusplus
}
#endif

#endif
