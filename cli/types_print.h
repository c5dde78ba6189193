/* SPDX-License-Identifier: MIT */
/* Prints the kernel's types, as C or as JSON. */
#ifndef HADAL_CLI_TYPES_PRINT_H
#define HADAL_CLI_TYPES_PRINT_H

#include "record.h"
#include "types/btf.h"

struct types_printer {
	const struct hadal_types *types;
	const char *module; /* whose types these are; NULL: the kernel's own */
	bool expand;        /* the members of all structures that are members */
	struct cli_printer records;
};

/* What is printed of a type; its printer's ctx is the struct types_printer. */
extern const struct cli_record_kind types_record_kind;

/* "struct", "union", "enum", "typedef", "function", "variable" or "integer". */
const char *types_kind(const struct btf_type *type);

/* One line: what it is, how large, and its name. */
void types_list(struct types_printer *printer, uint32_t id);

/* All that is known of it. */
void types_print(struct types_printer *printer, uint32_t id);

#endif
