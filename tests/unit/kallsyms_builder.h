/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_KALLSYMS_BUILDER_H
#define HADAL_TESTS_KALLSYMS_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Orders of the tables, named by the first kernel version that has them. */
enum kallsyms_order { KALLSYMS_5_10, KALLSYMS_6_2, KALLSYMS_6_4, KALLSYMS_7, KALLSYMS_ORDERS };

struct builder_symbol {
	uint64_t address;
	char type;
	char name[300];
};

struct kallsyms_plan {
	const struct builder_symbol *symbols; /* ascending addresses */
	size_t count;
	enum kallsyms_order order;
	bool absolute_percpu; /* symbols below relative_base are stored as they are */
	uint64_t relative_base;
	uint64_t va; /* of the tables, of KALLSYMS_7 only */
};

/* Where the builder put its tables, as offsets from the beginning, so that tests can damage them.
 */
struct kallsyms_places {
	size_t num_syms, names, markers, marker_count, token_table, token_index, offsets, base, end;
};

/*
 * Writes the tables as the kernel's build would, names compressed by pairs, to out, which is
 * zeroed, 8-byte aligned and has size bytes. Returns the bytes used; aborts when they do not fit.
 */
size_t kallsyms_build(const struct kallsyms_plan *plan, uint8_t *out, size_t size,
		      struct kallsyms_places *places);

#endif
