/* SPDX-License-Identifier: MIT */
/* Conditions as a person writes them, made into the clauses of a filter. */
#ifndef HADAL_LIB_SHOW_CONDITION_H
#define HADAL_LIB_SHOW_CONDITION_H

#include <hadal/events.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A C-like condition over what a CPU has at the moment of the event, all unsigned:
 *
 *	rdi == 3 && (rsi & 0xff) != 0 || *(u32 *)(rdi + 8) == 5 && cpu == 1
 *
 * Values are general registers by their 64- and 32-bit names, rip, rflags, cpu, cpl, cr3, and
 * memory at a register and an offset, as u8, u16, u32 or u64. A value is masked by & and compared
 * with a number, or with 0 when it stands alone. Memory that is not mapped makes its comparison
 * false.
 *
 * Fills clauses, which has room for HADAL_MAX_CLAUSES, as struct hadal_subscription has it. Returns
 * how many there are, at least one; or -EINVAL (no condition, or one that clauses cannot express)
 * or -E2BIG, with a sentence in error and nothing filled.
 */
int hadal_condition_parse(const char *text, struct hadal_clause *clauses,
			  struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
