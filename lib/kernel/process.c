// SPDX-License-Identifier: MIT
#include "process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "object.h"

/* PID_MAX_LIMIT of 64-bit Linux; no list of tasks is longer. */
#define PID_LIMIT (4u << 20)

#define PF_KTHREAD 0x00200000u

/* Bits of task_struct.__state and exit_state that ps tells apart, include/linux/sched.h. */
#define TASK_REPORT 0x7fu
#define TASK_IDLE   0x402u

enum task_field {
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
	TASK_FIELDS,
	MM_PGD = TASK_FIELDS,
	SIGNAL_THREADS,
	SIGNAL_THREAD_HEAD,
	FIELDS
};

enum cred_field { CRED_UID, CRED_EUID, CRED_GID, CRED_FIELDS };

static const struct hadal_field_request requests[FIELDS] = {
	[TASKS] = {"task_struct", {"tasks"}, false},
	[THREAD_NODE] = {"task_struct", {"thread_node"}, false},
	[PID] = {"task_struct", {"pid"}, false},
	[TGID] = {"task_struct", {"tgid"}, false},
	[COMM] = {"task_struct", {"comm"}, false},
	[STATE] = {"task_struct", {"__state", "state" /* before 5.14 */}, false},
	[EXIT_STATE] = {"task_struct", {"exit_state"}, false},
	[FLAGS] = {"task_struct", {"flags"}, false},
	[REAL_PARENT] = {"task_struct", {"real_parent"}, false},
	[CRED] = {"task_struct", {"cred"}, false},
	[MM] = {"task_struct", {"mm"}, false},
	[SIGNAL] = {"task_struct", {"signal"}, false},
	[START_TIME] = {"task_struct", {"start_boottime", "start_time"}, true},
	[MM_PGD] = {"mm_struct", {"pgd"}, false},
	[SIGNAL_THREADS] = {"signal_struct", {"nr_threads"}, false},
	[SIGNAL_THREAD_HEAD] = {"signal_struct", {"thread_head"}, false},
};

static const struct hadal_field_request cred_requests[CRED_FIELDS] = {
	[CRED_UID] = {"cred", {"uid"}, false},
	[CRED_EUID] = {"cred", {"euid"}, false},
	[CRED_GID] = {"cred", {"gid"}, false},
};

struct process_reader {
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	struct hadal_field cred_fields[CRED_FIELDS];
	struct hadal_object task;
	struct hadal_object cred;
	/* Which member links the list that is walked: TASKS or THREAD_NODE. */
	enum task_field link;
	struct hadal_process_list *list;
	size_t capacity;
};

/* A member of a structure that the task points to, by its member pointer. */
static uint64_t pointed_value(const struct process_reader *reader, enum task_field pointer,
			      enum task_field field)
{
	return hadal_field_read(reader->space, &reader->fields[field],
				hadal_object_value(&reader->task, pointer));
}

static char state_letter(uint32_t state, uint32_t exit_state)
{
	static const char letters[] = "RSDTtXZP";
	uint32_t report = (state | exit_state) & TASK_REPORT;

	if ((state & TASK_IDLE) == TASK_IDLE)
		return 'I';
	return letters[report ? 32 - __builtin_clz(report) : 0];
}

/* Reads the task_struct at an address; is it one? */
static int read_task(struct process_reader *reader, uint64_t address)
{
	struct hadal_object *task = &reader->task;
	char comm[HADAL_COMM_MAX];
	int error = hadal_object_read(task, address);

	if (error)
		return error;
	if (hadal_object_value(task, PID) > PID_LIMIT || !hadal_object_value(task, TGID) ||
	    hadal_object_value(task, TGID) > PID_LIMIT ||
	    hadal_object_string(task, COMM, comm, sizeof(comm)) < 0)
		return -EINVAL;
	return 0;
}

static void describe_cred(struct process_reader *reader, struct hadal_process *process)
{
	struct hadal_object *cred = &reader->cred;
	uint64_t address = hadal_object_value(&reader->task, CRED);

	if (!address || hadal_object_read(cred, address))
		return;
	process->uid = hadal_object_value(cred, CRED_UID);
	process->euid = hadal_object_value(cred, CRED_EUID);
	process->gid = hadal_object_value(cred, CRED_GID);
}

static void describe_task(struct process_reader *reader, struct hadal_process *process)
{
	const struct hadal_object *task = &reader->task;
	uint64_t pgd = pointed_value(reader, MM, MM_PGD);

	*process = (struct hadal_process){
		.task = task->address,
		.pid = hadal_object_value(task, PID),
		.tgid = hadal_object_value(task, TGID),
		.parent = hadal_field_read(reader->space, &reader->fields[TGID],
					   hadal_object_value(task, REAL_PARENT)),
		.threads = pointed_value(reader, SIGNAL, SIGNAL_THREADS),
		.state = state_letter(hadal_object_value(task, STATE),
				      hadal_object_value(task, EXIT_STATE)),
		.kernel_thread = hadal_object_value(task, FLAGS) & PF_KTHREAD,
		.start_time = hadal_object_value(task, START_TIME),
		.mm = hadal_object_value(task, MM),
	};
	hadal_object_string(task, COMM, process->comm, sizeof(process->comm));
	describe_cred(reader, process);
	if (!pgd || hadal_space_address(reader->space, pgd, &process->page_table))
		process->page_table = 0;
}

static int visit_task(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct process_reader *reader = ctx;
	const struct hadal_object *task = &reader->task;
	struct hadal_process *process;
	int error = read_task(reader, node - reader->fields[reader->link].offset);

	if (error)
		return error;
	*links = hadal_object_links(task, reader->link);
	/* The first thread is in the list of processes already. */
	if (reader->link == THREAD_NODE &&
	    hadal_object_value(task, PID) == hadal_object_value(task, TGID))
		return 0;
	process = HADAL_LIST_APPEND(reader->list, &reader->capacity);
	if (!process)
		return ENOMEM;
	describe_task(reader, process);
	return 0;
}

static int prepare_reader(struct process_reader *reader, struct hadal_kernel *kernel,
			  struct hadal_error *error)
{
	int result = hadal_kernel_fields(kernel, requests, FIELDS, reader->fields, error);

	if (!result)
		result = hadal_kernel_fields(kernel, cred_requests, CRED_FIELDS,
					     reader->cred_fields, error);
	if (result)
		return result;
	if (reader->fields[TASKS].size != sizeof(struct hadal_links) ||
	    reader->fields[THREAD_NODE].size != sizeof(struct hadal_links))
		return hadal_fail(error, EINVAL,
				  "This kernel's type information describes no sound task_struct");
	result = hadal_object_init(&reader->cred, reader->space, reader->cred_fields, CRED_FIELDS,
				   "struct cred", error);
	if (result)
		return result;
	return hadal_object_init(&reader->task, reader->space, reader->fields, TASK_FIELDS,
				 "struct task_struct", error);
}

static void free_reader(struct process_reader *reader)
{
	hadal_object_free(&reader->task);
	hadal_object_free(&reader->cred);
}

/* Adds the other threads of every process found. */
static int add_threads(struct process_reader *reader)
{
	size_t processes = reader->list->count;

	reader->link = THREAD_NODE;
	for (size_t i = 0; i < processes; i++) {
		uint64_t signal;
		int result;

		if (reader->list->items[i].threads <= 1)
			continue;
		result = read_task(reader, reader->list->items[i].task);
		signal = result ? 0 : hadal_object_value(&reader->task, SIGNAL);
		if (signal)
			result = hadal_list_walk(
				reader->space, signal + reader->fields[SIGNAL_THREAD_HEAD].offset,
				PID_LIMIT, visit_task, reader, &reader->list->lost);
		if (result == ENOMEM || result == -ENOMEM)
			return -ENOMEM;
		if (result || !signal)
			reader->list->lost++;
	}
	return 0;
}

int hadal_processes(struct hadal_kernel *kernel, bool threads, struct hadal_process_list *list,
		    struct hadal_error *error)
{
	struct process_reader reader = {
		.space = hadal_kernel_space(kernel),
		.link = TASKS,
		.list = list,
	};
	struct hadal_lookup init_task = {.name = "init_task"};
	int result;

	*list = (struct hadal_process_list){0};
	result = hadal_kernel_lookup(kernel, &init_task, 1, error);
	if (!result)
		result = prepare_reader(&reader, kernel, error);
	if (result) {
		free_reader(&reader);
		return result;
	}
	hadal_space_flush(reader.space);
	result = hadal_list_walk(reader.space, init_task.address + reader.fields[TASKS].offset,
				 PID_LIMIT, visit_task, &reader, &list->lost);
	if (!result && threads)
		result = add_threads(&reader);
	free_reader(&reader);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the list of processes: %s",
				  strerror(abs(result)));
	return 0;
}

const struct hadal_process *hadal_process_of(const struct hadal_process_list *list, uint64_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].pid == (int64_t)pid && list->items[i].tgid == (int64_t)pid)
			return &list->items[i];
	return NULL;
}

void hadal_processes_free(struct hadal_process_list *list)
{
	free(list->items);
	*list = (struct hadal_process_list){0};
}
