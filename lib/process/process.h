/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROCESS_PROCESS_H
#define HADAL_LIB_PROCESS_PROCESS_H

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As much of a name as /proc/PID/comm shows, with its end. */
#define HADAL_COMM_MAX 64

/* From where a process or thread is known: hadal_process.in. */
#define HADAL_IN_LIST   (1u << 0) /* the list of all processes, or that of its process's threads */
#define HADAL_IN_PIDS   (1u << 1) /* the PID table, by which kill() and /proc find it */
#define HADAL_IN_FAMILY (1u << 2) /* its parent, a sibling or a thread of it points to it */
#define HADAL_IN_CPU    (1u << 3) /* a CPU executes it */

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
	/* Addresses of other task_structs: its first thread's, its first child's, and the next
	 * child's of its parent; 0 for none. */
	uint64_t leader, child, sibling;
	uint8_t in;  /* HADAL_IN_*; of the last three only what was needed to find it */
	bool hidden; /* hadal_processes_check: not in both the list and the PID table */
	char comm[HADAL_COMM_MAX]; /* as /proc/PID/comm, a worker's with its work queue */
};

struct hadal_process_list {
	struct hadal_process *items;
	size_t count;
	size_t lost; /* places where the kernel's lists could not be followed */
};

/*
 * Lists all processes, or with threads all of their threads, in the order of the kernel's list. in
 * is HADAL_IN_LIST, for nothing else is looked at. Returns 0 or a negative errno with a sentence in
 * error; free the list in either case.
 */
int hadal_processes(struct hadal_kernel *kernel, bool threads, struct hadal_process_list *list,
		    struct hadal_error *error);

/*
 * Holds a list of processes (threads: with all their threads) against the PID table, their families
 * and what the CPUs execute. Fills in and hidden, and adds processes that the list lacks. What
 * seems hidden is looked at again, some times with pauses, as it may just begin or end: that takes
 * about 20 ms, and only when there is such a one. Returns 0, or a negative errno with a sentence in
 * error, when the list is as it was or was checked in part.
 */
int hadal_processes_check(struct hadal_kernel *kernel, bool threads,
			  struct hadal_process_list *list, struct hadal_error *error);

/* The process of a list with this number, or NULL. */
const struct hadal_process *hadal_process_of(const struct hadal_process_list *list, uint64_t pid);

void hadal_processes_free(struct hadal_process_list *list);

#ifdef __cplusplus
}
#endif

#endif
