/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROCESS_RUNNING_H
#define HADAL_LIB_PROCESS_RUNNING_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Given a CPU's number and the address of a task_struct. Returns 0, or another value to end the
 * walk. */
typedef int (*hadal_running_visit)(void *ctx, uint32_t cpu, uint64_t task);

/*
 * Visits the task that each CPU's scheduler says it executes, the idle ones too; none when that
 * cannot be told. Returns 0 or what visit ended the walk with.
 */
int hadal_running(struct hadal_kernel *kernel, hadal_running_visit visit, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
