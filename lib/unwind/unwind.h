/* SPDX-License-Identifier: MIT */
/* Stacks of kernel code: who called whom. */
#ifndef HADAL_LIB_UNWIND_UNWIND_H
#define HADAL_LIB_UNWIND_UNWIND_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A kernel's stacks are 16 KiB; more frames than this they do not hold. */
#define HADAL_FRAMES_MAX 512

/* Where the code is, or goes on when what it called returns. */
struct hadal_frame {
	uint64_t rip;
	uint64_t rsp;  /* there */
	bool returned; /* rip is a return address: the call is right before it */
};

/* From where to unwind. */
struct hadal_frame_start {
	uint64_t rip, rsp, rbp;
	/* Other registers, which a few places count from; 0 where they are not known. */
	uint64_t rdx, rdi, r10, r13;
};

/* Why a stack ends where it does. */
enum hadal_stack_end {
	HADAL_STACK_WHOLE,   /* at its first frame, or where user space entered the kernel */
	HADAL_STACK_NO_CODE, /* no table tells of the last frame's code */
	HADAL_STACK_BROKEN,  /* what lies there is no frame, or cannot be read */
	HADAL_STACK_LONG,    /* HADAL_FRAMES_MAX */
	HADAL_STACK_CUT,     /* the rest of it was not captured */
};

struct hadal_stack {
	struct hadal_frame frames[HADAL_FRAMES_MAX];
	size_t count;
	enum hadal_stack_end end;
};

struct hadal_unwinder;

/*
 * Returns NULL with a sentence in error: -ENOENT when the kernel has no ORC tables, or its types
 * are not known. The kernel must outlive it.
 */
struct hadal_unwinder *hadal_unwinder_new(struct hadal_kernel *kernel, struct hadal_error *error);
void hadal_unwinder_free(struct hadal_unwinder *unwinder);

/*
 * The frames from a place in kernel code on, the innermost first; none for one in user space. Of a
 * machine that runs, flush the kernel's space before.
 */
void hadal_unwind(struct hadal_unwinder *unwinder, const struct hadal_frame_start *start,
		  struct hadal_stack *stack);

/*
 * The same from a copy of the stack, of bytes from start->rsp on, that was taken at that moment.
 * Nothing else of the stack is looked at, for it may have changed since.
 */
void hadal_unwind_captured(struct hadal_unwinder *unwinder, const struct hadal_frame_start *start,
			   const void *captured, size_t bytes, struct hadal_stack *stack);

/*
 * The frames of a task that no CPU executes, from where the scheduler left it. task: the address of
 * its task_struct. Returns 0 or a negative errno when it cannot be read. A task that runs on
 * meanwhile has a stack of another moment, or a broken one.
 */
int hadal_unwind_task(struct hadal_unwinder *unwinder, uint64_t task, struct hadal_stack *stack);

/* Why a stack is not whole, for a person; NULL for one that is. */
const char *hadal_stack_end_text(enum hadal_stack_end end);

#ifdef __cplusplus
}
#endif

#endif
