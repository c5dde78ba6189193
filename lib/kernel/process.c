// SPDX-License-Identifier: MIT
#include "process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"

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
	CRED_UID = TASK_FIELDS,
	CRED_EUID,
	CRED_GID,
	MM_PGD,
	SIGNAL_THREADS,
	SIGNAL_THREAD_HEAD,
	FIELDS
};

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
	[CRED_UID] = {"cred", {"uid"}, false},
	[CRED_EUID] = {"cred", {"euid"}, false},
	[CRED_GID] = {"cred", {"gid"}, false},
	[MM_PGD] = {"mm_struct", {"pgd"}, false},
	[SIGNAL_THREADS] = {"signal_struct", {"nr_threads"}, false},
	[SIGNAL_THREAD_HEAD] = {"signal_struct", {"thread_head"}, false},
};

struct process_reader {
	struct hadal_space *space;
	struct hadal_field fields[FIELDS];
	/* The part of a task_struct that holds all the members read, and a copy of one. */
	size_t start;
	size_t len;
	uint8_t *copy;
	/* Which member links the list that is walked: TASKS or THREAD_NODE. */
	enum task_field link;
	struct hadal_process_list *list;
	size_t capacity;
};

static uint64_t task_value(const struct process_reader *reader, enum task_field field)
{
	return hadal_field_value(&reader->fields[field], reader->copy, reader->start, reader->len);
}

static const void *task_member(const struct process_reader *reader, enum task_field field)
{
	return reader->copy + reader->fields[field].offset - reader->start;
}

/* A member of another structure, read from memory; 0 when it cannot be. */
static uint64_t remote_value(struct process_reader *reader, uint64_t object, enum task_field field)
{
	const struct hadal_field *member = &reader->fields[field];
	uint64_t value = 0;

	if (!object || member->size > sizeof(value) ||
	    hadal_space_read_exact(reader->space, object + member->offset, &value, member->size))
		return 0;
	return value;
}

static char state_letter(uint32_t state, uint32_t exit_state)
{
	static const char letters[] = "RSDTtXZP";
	uint32_t report = (state | exit_state) & TASK_REPORT;

	if ((state & TASK_IDLE) == TASK_IDLE)
		return 'I';
	return letters[report ? 32 - __builtin_clz(report) : 0];
}

/* Reads the task_struct at address task into the copy; is it one? */
static int read_task(struct process_reader *reader, uint64_t task)
{
	int error = hadal_space_read_exact(reader->space, task + reader->start, reader->copy,
					   reader->len);

	if (error)
		return error;
	if (task_value(reader, PID) > PID_LIMIT || !task_value(reader, TGID) ||
	    task_value(reader, TGID) > PID_LIMIT ||
	    !memchr(task_member(reader, COMM), '\0', reader->fields[COMM].size))
		return -EINVAL;
	return 0;
}

static void copy_comm(const struct process_reader *reader, struct hadal_process *process)
{
	size_t size = reader->fields[COMM].size;

	if (size > sizeof(process->comm) - 1)
		size = sizeof(process->comm) - 1;
	memcpy(process->comm, task_member(reader, COMM), size);
}

static void describe_task(struct process_reader *reader, uint64_t task,
			  struct hadal_process *process)
{
	uint64_t cred = task_value(reader, CRED), pgd;

	*process = (struct hadal_process){
		.task = task,
		.pid = task_value(reader, PID),
		.tgid = task_value(reader, TGID),
		.parent = remote_value(reader, task_value(reader, REAL_PARENT), TGID),
		.uid = remote_value(reader, cred, CRED_UID),
		.euid = remote_value(reader, cred, CRED_EUID),
		.gid = remote_value(reader, cred, CRED_GID),
		.threads = remote_value(reader, task_value(reader, SIGNAL), SIGNAL_THREADS),
		.state = state_letter(task_value(reader, STATE), task_value(reader, EXIT_STATE)),
		.kernel_thread = task_value(reader, FLAGS) & PF_KTHREAD,
		.start_time = task_value(reader, START_TIME),
		.mm = task_value(reader, MM),
	};
	copy_comm(reader, process);
	pgd = remote_value(reader, process->mm, MM_PGD);
	if (!pgd || hadal_space_address(reader->space, pgd, &process->page_table))
		process->page_table = 0;
}

static struct hadal_process *append(struct process_reader *reader)
{
	struct hadal_process_list *list = reader->list;
	struct hadal_process *items =
		hadal_list_grow(list->items, list->count, &reader->capacity, sizeof(*items));

	if (!items)
		return NULL;
	list->items = items;
	return &items[list->count++];
}

static int visit_task(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct process_reader *reader = ctx;
	uint64_t task = node - reader->fields[reader->link].offset;
	struct hadal_process *process;
	int error = read_task(reader, task);

	if (error)
		return error;
	memcpy(links, task_member(reader, reader->link), sizeof(*links));
	/* The first thread is in the list of processes already. */
	if (reader->link == THREAD_NODE && task_value(reader, PID) == task_value(reader, TGID))
		return 0;
	process = append(reader);
	if (!process)
		return ENOMEM;
	describe_task(reader, task, process);
	return 0;
}

/* What of a task_struct has to be read to have every member asked for. */
static int prepare_copy(struct process_reader *reader, struct hadal_error *error)
{
	size_t end = 0;

	reader->start = SIZE_MAX;
	for (size_t i = 0; i < TASK_FIELDS; i++) {
		const struct hadal_field *field = &reader->fields[i];

		if (!field->size)
			continue;
		if (field->offset < reader->start)
			reader->start = field->offset;
		if (field->offset + field->size > end)
			end = field->offset + field->size;
	}
	reader->len = end - reader->start;
	if (reader->len > (64u << 10) || reader->fields[TASKS].size != sizeof(struct hadal_links) ||
	    reader->fields[THREAD_NODE].size != sizeof(struct hadal_links))
		return hadal_fail(error, EINVAL,
				  "This kernel's type information describes no sound task_struct");
	reader->copy = malloc(reader->len);
	return reader->copy ? 0 : hadal_fail(error, ENOMEM, "Out of memory");
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
		signal = result ? 0 : task_value(reader, SIGNAL);
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
		result = hadal_kernel_fields(kernel, requests, FIELDS, reader.fields, error);
	if (!result)
		result = prepare_copy(&reader, error);
	if (result)
		return result;
	hadal_space_flush(reader.space);
	result = hadal_list_walk(reader.space, init_task.address + reader.fields[TASKS].offset,
				 PID_LIMIT, visit_task, &reader, &list->lost);
	if (!result && threads)
		result = add_threads(&reader);
	free(reader.copy);
	if (result)
		return hadal_fail(error, abs(result), "Cannot read the list of processes: %s",
				  strerror(abs(result)));
	return 0;
}

void hadal_processes_free(struct hadal_process_list *list)
{
	free(list->items);
	*list = (struct hadal_process_list){0};
}
