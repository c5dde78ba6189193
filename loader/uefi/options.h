/* SPDX-License-Identifier: MIT */
/* What the load options of hadal.efi say: its own, which begin with --, and then a program. */
#ifndef HADAL_LOADER_UEFI_OPTIONS_H
#define HADAL_LOADER_UEFI_OPTIONS_H

#include "uefi.h"

#define POOL_MIB_MAX 65536u

/* A word of the options, in characters from their start. */
struct word {
	uint32_t start, length;
};

struct options {
	const uint16_t *text;
	uint32_t count; /* characters */
	struct word
		program; /* what boots next, with the rest of the text behind it; length 0: none */
	uint32_t pool_mib;   /* more memory for Hadal's tables than it would take by itself */
	bool off;            /* Hadal does not start */
	bool allow_stop;     /* the system may end it */
	struct word unknown; /* the first one that is not known, or has a value that is none */
};

/* A file's name without its folders, in UCS-2. */
struct name {
	const uint16_t *text;
	uint32_t length;
};

/* text: UCS-2, which need not end with 0, or NULL; own: of this program. */
void options_read(const uint16_t *text, uint32_t count, const struct name *own,
		  struct options *options);

#endif
