/* SPDX-License-Identifier: MIT */
/* What a processor would accept as a vCPU's registers. Nothing here touches the processor. */
#ifndef HADAL_VCPU_REGISTER_CHECK_H
#define HADAL_VCPU_REGISTER_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <hadal/abi.h>

/* What differs between processors. */
struct register_rules {
	uint64_t cr3, cr4, efer, xcr0; /* bits that may be set */
	uint64_t dr6, dr7;             /* bits that may be set or clear; the others are fixed */
	bool tsc_aux;                  /* there is such a register */
	bool strict_segments;          /* as in struct vendor */
};

/* Bits of a mask that name registers. */
#define REGISTER_MASK_ALL ((1ull << HADAL_REG_COUNT) - 1)

/* Where a register lies in struct hadal_regs; its bytes. */
size_t register_place(enum hadal_reg reg, size_t *bytes);
/* The register that a place lies in. */
enum hadal_reg register_at(size_t place);
/* Take the registers in a mask from one into the other. */
void registers_merge(struct hadal_regs *into, const struct hadal_regs *from, uint64_t mask);

/*
 * Whether a vCPU with the registers `now`, which the processor has accepted, may go on with `next`,
 * in which only those in the mask differ. Returns -1, or the first register that it would refuse.
 */
int registers_check(const struct register_rules *rules, const struct hadal_regs *now,
		    const struct hadal_regs *next, uint64_t mask);

/* Types 2 and 3 and those above 7 do not exist (SDM 12.12.2, APM 7.8.2). */
bool pat_is_valid(uint64_t pat);

#endif
