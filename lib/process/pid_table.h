/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_PROCESS_PID_TABLE_H
#define HADAL_LIB_PROCESS_PID_TABLE_H

#include "walk/address_map.h"
#include "kernel/kernel.h"

/* PID_MAX_LIMIT of 64-bit Linux; there are no more tasks. */
#define HADAL_PID_LIMIT (4u << 20)

/*
 * The kernel's PID table: by it kill() and /proc find a task. Each PID namespace has an IDR, a tree
 * of 64-way nodes, from numbers to struct pid; a task has a number in its own namespace and in all
 * above it, so that of the first one has all.
 */
struct hadal_pid_table;

/* What has a number, by the addresses of task_structs; 0 for none. */
struct hadal_pid {
	uint64_t address; /* of the struct pid */
	uint64_t thread;  /* whose number it is */
	uint64_t leader;  /* the process whose number it is */
};

/* Returns 0, or another value to end the walk. */
typedef int (*hadal_pid_visit)(void *ctx, const struct hadal_pid *pid);

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_pid_table *hadal_pid_table_open(struct hadal_kernel *kernel,
					     struct hadal_error *error);
/* NULL is fine. */
void hadal_pid_table_close(struct hadal_pid_table *table);

/*
 * Visits every struct pid once, those of other namespaces too. *lost counts the places where some
 * may be missing. Returns 0, what visit ended the walk with, or -ENOMEM.
 */
int hadal_pid_table_walk(struct hadal_pid_table *table, hadal_pid_visit visit, void *ctx,
			 size_t *lost);

/* Looks a number of the first namespace up, as the kernel does. Returns 0 or a negative errno. */
int hadal_pid_table_find(struct hadal_pid_table *table, uint64_t number, struct hadal_pid *pid);

#endif
