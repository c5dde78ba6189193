/* SPDX-License-Identifier: MIT */
/* Reading single tasks, for the readers of lists of them. */
#ifndef HADAL_LIB_PROCESS_PROCESS_READER_H
#define HADAL_LIB_PROCESS_PROCESS_READER_H

#include "process/pid_table.h"
#include "process/process.h"
#include "walk/plan.h"

enum process_need {
	INIT_TASK,
	TASK,
	TASKS,
	THREAD_NODE,
	PID,
	TGID,
	COMM,
	STATE,
	EXIT_STATE,
	FLAGS,
	REAL_PARENT,
	CRED,
	MM,
	SIGNAL,
	START_TIME,
	GROUP_LEADER,
	CHILDREN,
	SIBLING,
	MM_PGD,
	SIGNAL_THREADS,
	SIGNAL_THREAD_HEAD,
	CREDENTIALS,
	CRED_UID,
	CRED_EUID,
	CRED_GID,
	KTHREAD,
	KTHREAD_NAME,
	KTHREAD_DATA,
	WORKER_POOL,
	WORKER_DESCRIPTION,
	WORKER_WORK,
	PROCESS_NEEDS
};

struct process_reader {
	struct hadal_plan plan;
	struct hadal_object *task;
	struct hadal_object *cred;
};

/* Returns 0 or a negative errno with a sentence in error; close it in either case. */
int process_reader_open(struct process_reader *reader, struct hadal_kernel *kernel,
			struct hadal_error *error);
void process_reader_close(struct process_reader *reader);

/* Reads the task_struct at an address into reader->task. Returns 0 or a negative errno, -EINVAL
 * when there is none. */
int process_reader_read(struct process_reader *reader, uint64_t address);

/* Tells what is known of the task that was read. */
void process_reader_describe(struct process_reader *reader, struct hadal_process *process);

#endif
