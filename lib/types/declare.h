/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_TYPES_DECLARE_H
#define HADAL_LIB_TYPES_DECLARE_H

#include "types/btf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Longer declarations are cut; the longest of a kernel's members has some 300 characters. */
#define HADAL_DECLARATION_MAX 1024

/*
 * Writes a declaration of name as in C, such as "int (*handler)(struct work_struct *)", or with
 * the name "" the type alone. Types without a name are written as "struct {...}". The names in it
 * come from the blob and may hold any character.
 */
void hadal_types_declare(const struct hadal_types *types, uint32_t id, const char *name,
			 char text[HADAL_DECLARATION_MAX]);

#ifdef __cplusplus
}
#endif

#endif
