/* SPDX-License-Identifier: MIT */
/* Tasks that are known by the address of their task_struct alone, as events tell them. */
#ifndef HADAL_LIB_PROCESS_CURRENT_H
#define HADAL_LIB_PROCESS_CURRENT_H

#include "process/process.h"

/* Who a task is. */
struct hadal_task {
	uint64_t address; /* of its task_struct */
	int32_t pid;      /* of the thread; 0 for an idle CPU */
	int32_t tgid;     /* of the process */
	char comm[HADAL_COMM_MAX];
};

/* Reads who tasks are, and remembers it for some time. */
struct hadal_tasks;

/* Returns NULL with a sentence in error. The kernel must outlive it. */
struct hadal_tasks *hadal_tasks_open(struct hadal_kernel *kernel, struct hadal_error *error);
/* NULL is fine. */
void hadal_tasks_close(struct hadal_tasks *tasks);

/*
 * Where the kernel keeps the address of the task that a CPU executes: an offset from its GS base,
 * modulo 2^64.
 */
uint64_t hadal_tasks_current(const struct hadal_tasks *tasks);

/*
 * Who a task is, as of 100 ms ago at most; it is valid until the next call. NULL when there is no
 * task at the address.
 */
const struct hadal_task *hadal_tasks_find(struct hadal_tasks *tasks, uint64_t address);

#endif
