/* SPDX-License-Identifier: MIT */
/* The kernel's own tables of how to unwind its stacks (ORC), as they lie in its memory. */
#ifndef HADAL_LIB_UNWIND_ORC_H
#define HADAL_LIB_UNWIND_ORC_H

#include "kernel/kernel.h"

/* Where a value of the frame is counted from; the numbers are those of struct orc_entry. */
enum hadal_orc_base {
	HADAL_ORC_UNDEFINED,
	HADAL_ORC_PREV_SP,
	HADAL_ORC_DX,
	HADAL_ORC_DI,
	HADAL_ORC_BP,
	HADAL_ORC_SP,
	HADAL_ORC_R10,
	HADAL_ORC_R13,
	HADAL_ORC_BP_INDIRECT,
	HADAL_ORC_SP_INDIRECT,
};

enum hadal_orc_kind {
	HADAL_ORC_CALL,      /* the return address lies right below the frame's start */
	HADAL_ORC_REGS,      /* a whole struct pt_regs lies there */
	HADAL_ORC_INTERRUPT, /* only what the processor pushes at an interrupt */
	HADAL_ORC_END,       /* the first frame of the stack */
	HADAL_ORC_NOTHING,   /* the code has no frame that could be told */
};

/* How to come from a place in the code to what called it. */
struct hadal_orc {
	enum hadal_orc_kind kind;
	enum hadal_orc_base sp_base, bp_base;
	int16_t sp_offset, bp_offset; /* bytes */
};

/* The tables of the kernel and of its modules. */
struct hadal_orc_tables;

/*
 * Returns NULL with a sentence in error when this kernel has no such tables: one that was built
 * with frame pointers, for instance. The kernel must outlive the result.
 */
struct hadal_orc_tables *hadal_orc_open(struct hadal_kernel *kernel, struct hadal_error *error);
void hadal_orc_close(struct hadal_orc_tables *tables);

/*
 * Looks up an address of kernel code. Returns 0, -ENOENT (no table has it: text that was made while
 * the kernel runs) or -EFAULT (the table cannot be read).
 */
int hadal_orc_find(struct hadal_orc_tables *tables, uint64_t address, struct hadal_orc *orc);

#endif
