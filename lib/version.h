/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_VERSION_H
#define HADAL_LIB_VERSION_H

#include <hadal/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Of these headers. It rises when a name that programs use goes or changes (lib/libhadal.names),
 * and a program of another version is then refused by the dynamic linker.
 */
#define HADAL_LIBRARY_VERSION HADAL_VERSION

/* That of the library that the program runs with. */
const char *hadal_library_version(void);

#ifdef __cplusplus
}
#endif

#endif
