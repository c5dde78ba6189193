// SPDX-License-Identifier: MIT
#include "process/process_reader.h"

#include <errno.h>

#define PF_KTHREAD 0x00200000u

/* Bits of task_struct.__state and exit_state that ps tells apart, include/linux/sched.h. */
#define TASK_REPORT 0x7fu
#define TASK_IDLE   0x402u

static const struct hadal_field_request requests[PROCESS_FIELDS] = {
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
	[GROUP_LEADER] = {"task_struct", {"group_leader"}, false},
	[CHILDREN] = {"task_struct", {"children"}, false},
	[SIBLING] = {"task_struct", {"sibling"}, false},
	[MM_PGD] = {"mm_struct", {"pgd"}, false},
	[SIGNAL_THREADS] = {"signal_struct", {"nr_threads"}, false},
	[SIGNAL_THREAD_HEAD] = {"signal_struct", {"thread_head"}, false},
};

static const struct hadal_field_request cred_requests[CRED_FIELDS] = {
	[CRED_UID] = {"cred", {"uid"}, false},
	[CRED_EUID] = {"cred", {"euid"}, false},
	[CRED_GID] = {"cred", {"gid"}, false},
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

int process_reader_read(struct process_reader *reader, uint64_t address)
{
	struct hadal_object *task = &reader->task;
	char comm[HADAL_COMM_MAX];
	int error = hadal_object_read(task, address);

	if (error)
		return error;
	if (hadal_object_value(task, PID) > HADAL_PID_LIMIT || !hadal_object_value(task, TGID) ||
	    hadal_object_value(task, TGID) > HADAL_PID_LIMIT ||
	    hadal_object_string(task, COMM, comm, sizeof(comm)) < 0)
		return -EINVAL;
	return 0;
}

/* The task that a list of siblings goes on with, which has its head in their parent. */
static uint64_t relative(const struct process_reader *reader, enum task_field link, uint64_t head)
{
	uint64_t next = hadal_object_links(&reader->task, link).next;

	return next && next != head ? next - reader->fields[SIBLING].offset : 0;
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

void process_reader_describe(struct process_reader *reader, struct hadal_process *process)
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
		.leader = hadal_object_value(task, GROUP_LEADER),
		.child =
			relative(reader, CHILDREN, task->address + reader->fields[CHILDREN].offset),
		.sibling = relative(reader, SIBLING,
				    hadal_object_value(task, REAL_PARENT) +
					    reader->fields[CHILDREN].offset),
	};
	hadal_object_string(task, COMM, process->comm, sizeof(process->comm));
	describe_cred(reader, process);
	if (!pgd || hadal_space_address(reader->space, pgd, &process->page_table))
		process->page_table = 0;
}

int process_reader_open(struct process_reader *reader, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	struct hadal_lookup init_task = {.name = "init_task"};
	int result = hadal_kernel_lookup(kernel, &init_task, 1, error);

	*reader = (struct process_reader){
		.space = hadal_kernel_space(kernel),
		.init_task = init_task.address,
	};
	if (!result)
		result = hadal_kernel_fields(kernel, requests, PROCESS_FIELDS, reader->fields,
					     error);
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

void process_reader_close(struct process_reader *reader)
{
	hadal_object_free(&reader->task);
	hadal_object_free(&reader->cred);
}
