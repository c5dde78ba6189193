/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_KERNEL_PROCESS_H
#define HADAL_LIB_KERNEL_PROCESS_H

#include "kernel.h"

#define HADAL_COMM_MAX 32

/* A process, or one thread of it. */
struct hadal_process {
	uint64_t task; /* address of its task_struct */
	int32_t pid;   /* of the thread, in the first PID namespace */
	int32_t tgid;  /* of the process; equal to pid for its first thread */
	int32_t parent;
	uint32_t uid; /* real and effective, in the first user namespace */
	uint32_t euid;
	uint32_t gid;
	uint32_t threads; /* in the process */
	char state;       /* as ps shows: R S D T t X Z P I, or ? */
	bool kernel_thread;
	uint64_t start_time; /* nanoseconds after boot */
	uint64_t mm;         /* address of its mm_struct; 0 for a kernel thread */
	uint64_t page_table; /* physical address of its root; 0 when it has none */
	char comm[HADAL_COMM_MAX];
};

struct hadal_process_list {
	struct hadal_process *items;
	size_t count;
	size_t lost; /* places where the kernel's lists could not be followed */
};

/*
 * Lists all processes, or with threads all of their threads, in the order of the kernel's list.
 * Returns 0 or a negative errno with a sentence in error; free the list in either case.
 */
int hadal_processes(struct hadal_kernel *kernel, bool threads, struct hadal_process_list *list,
		    struct hadal_error *error);
/* The process of a list with this number, or NULL. */
const struct hadal_process *hadal_process_of(const struct hadal_process_list *list, uint64_t pid);

void hadal_processes_free(struct hadal_process_list *list);

#endif
