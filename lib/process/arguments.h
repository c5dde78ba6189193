/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROCESS_ARGUMENTS_H
#define HADAL_LIB_PROCESS_ARGUMENTS_H

#include "process/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Reads the command lines of processes from their own memory, which they may have changed. */
struct hadal_arguments {
	struct hadal_kernel *kernel;
	struct hadal_field start, end; /* of struct mm_struct */
};

/* Returns 0 or a negative errno with a sentence in error. Nothing is to be freed. */
int hadal_arguments_open(struct hadal_arguments *arguments, struct hadal_kernel *kernel,
			 struct hadal_error *error);

/*
 * The arguments of a process, separated by spaces, as much as fits into size bytes. Returns the
 * length; 0 when there are none: for a kernel thread, and where the memory is swapped out.
 */
size_t hadal_arguments_of(struct hadal_arguments *arguments, const struct hadal_process *process,
			  char *text, size_t size);

/*
 * All arguments of a process, each ended by a zero byte, in *text, to be freed. Returns their
 * bytes, 0 as above (then *text is NULL), or -ENOMEM. What cannot be read ends them early.
 */
ssize_t hadal_arguments_all(struct hadal_arguments *arguments, const struct hadal_process *process,
			    char **text);

#ifdef __cplusplus
}
#endif

#endif
