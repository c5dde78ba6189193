// SPDX-License-Identifier: MIT
/* One task, read from its task_struct. */
#include "process/process_reader.h"

#include <errno.h>
#include <string.h>

#define PF_WQ_WORKER 0x00000020u
#define PF_KTHREAD   0x00200000u

/* Bits of task_struct.__state and exit_state that ps tells apart, include/linux/sched.h. */
#define TASK_REPORT 0x7fu
#define TASK_IDLE   0x402u

static const struct hadal_need needs[PROCESS_NEEDS] = {
	[INIT_TASK] = {HADAL_SYMBOL("init_task")},
	[TASK] = {HADAL_OBJECT("task_struct")},
	[TASKS] = {HADAL_LIST_HEAD("task_struct", "tasks")},
	[THREAD_NODE] = {HADAL_LIST_HEAD("task_struct", "thread_node")},
	[PID] = {HADAL_MEMBER("task_struct", "pid")},
	[TGID] = {HADAL_MEMBER("task_struct", "tgid")},
	[COMM] = {HADAL_MEMBER("task_struct", "comm")},
	[STATE] = {HADAL_MEMBER("task_struct", "__state", "state")},
	[EXIT_STATE] = {HADAL_MEMBER("task_struct", "exit_state")},
	[FLAGS] = {HADAL_MEMBER("task_struct", "flags")},
	[REAL_PARENT] = {HADAL_MEMBER("task_struct", "real_parent")},
	[CRED] = {HADAL_MEMBER("task_struct", "cred")},
	[MM] = {HADAL_MEMBER("task_struct", "mm")},
	[SIGNAL] = {HADAL_MEMBER("task_struct", "signal")},
	[START_TIME] = {HADAL_MEMBER("task_struct", "start_boottime", "start_time"),
			HADAL_OPTIONAL},
	[GROUP_LEADER] = {HADAL_MEMBER("task_struct", "group_leader")},
	[CHILDREN] = {HADAL_MEMBER("task_struct", "children")},
	[SIBLING] = {HADAL_MEMBER("task_struct", "sibling")},
	[MM_PGD] = {HADAL_MEMBER("mm_struct", "pgd")},
	[SIGNAL_THREADS] = {HADAL_MEMBER("signal_struct", "nr_threads")},
	[SIGNAL_THREAD_HEAD] = {HADAL_MEMBER("signal_struct", "thread_head")},
	[CREDENTIALS] = {HADAL_OBJECT("cred")},
	[CRED_UID] = {HADAL_MEMBER("cred", "uid")},
	[CRED_EUID] = {HADAL_MEMBER("cred", "euid")},
	[CRED_GID] = {HADAL_MEMBER("cred", "gid")},
	/* The struct kthread of kernel threads; up to 5.16 at a place that they do not use. */
	[KTHREAD] = {HADAL_MEMBER("task_struct", "worker_private", "set_child_tid"),
		     HADAL_OPTIONAL},
	[KTHREAD_NAME] = {HADAL_MEMBER("kthread", "full_name"), HADAL_OPTIONAL}, /* from 5.17 on */
	[KTHREAD_DATA] = {HADAL_MEMBER("kthread", "data"), HADAL_OPTIONAL},
	[WORKER_POOL] = {HADAL_MEMBER("worker", "pool"), HADAL_WITH(KTHREAD_DATA), HADAL_OPTIONAL},
	[WORKER_DESCRIPTION] = {HADAL_MEMBER("worker", "desc"), HADAL_WITH(KTHREAD_DATA),
				HADAL_OPTIONAL},
	[WORKER_WORK] = {HADAL_MEMBER("worker", "current_work"), HADAL_WITH(KTHREAD_DATA),
			 HADAL_OPTIONAL},
};

/* A member of a structure that the task points to, by its member pointer. */
static uint64_t pointed_value(const struct process_reader *reader, enum process_need pointer,
			      enum process_need field)
{
	return hadal_plan_read(&reader->plan, field, hadal_object_value(reader->task, pointer));
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
	struct hadal_object *task = reader->task;
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
static uint64_t relative(const struct process_reader *reader, enum process_need link, uint64_t head)
{
	uint64_t next = hadal_object_links(reader->task, link).next;

	return next && next != head ? next - hadal_plan_offset(&reader->plan, SIBLING) : 0;
}

static void describe_cred(struct process_reader *reader, struct hadal_process *process)
{
	struct hadal_object *cred = reader->cred;
	uint64_t address = hadal_object_value(reader->task, CRED);

	if (!address || hadal_object_read(cred, address))
		return;
	process->uid = hadal_object_value(cred, CRED_UID);
	process->euid = hadal_object_value(cred, CRED_EUID);
	process->gid = hadal_object_value(cred, CRED_GID);
}

/* What fits into size bytes of a string that is not empty; false leaves the text alone. */
static bool read_name(const struct process_reader *reader, uint64_t address, char *text,
		      size_t size)
{
	char name[HADAL_COMM_MAX];

	if (!address || size > sizeof(name) ||
	    hadal_space_read_string(reader->plan.space, address, name, size) <= 0)
		return false;
	memcpy(text, name, strlen(name) + 1);
	return true;
}

/* A worker's name goes on with its work queue, or what it has called itself since. */
static void name_work(const struct process_reader *reader, uint64_t kthread, char *name)
{
	const struct hadal_plan *plan = &reader->plan;
	uint64_t worker = hadal_plan_read(plan, KTHREAD_DATA, kthread);
	size_t len = strlen(name);

	if (!worker || len + 2 >= HADAL_COMM_MAX || !hadal_plan_has(plan, WORKER_DESCRIPTION) ||
	    !hadal_plan_read(plan, WORKER_POOL, worker) ||
	    !read_name(reader, worker + hadal_plan_offset(plan, WORKER_DESCRIPTION), name + len + 1,
		       HADAL_COMM_MAX - len - 1))
		return;
	name[len] = hadal_plan_read(plan, WORKER_WORK, worker) ? '+' : '-';
}

/* As get_kthread_comm() and wq_worker_comm() of the kernel. */
static void name_kernel_thread(const struct process_reader *reader, char *name)
{
	const struct hadal_object *task = reader->task;
	const struct hadal_plan *plan = &reader->plan;
	uint64_t kthread = hadal_object_value(task, KTHREAD);
	uint64_t full = hadal_plan_read(plan, KTHREAD_NAME, kthread);

	read_name(reader, full, name, HADAL_COMM_MAX);
	if (hadal_object_value(task, FLAGS) & PF_WQ_WORKER)
		name_work(reader, kthread, name);
}

void process_reader_describe(struct process_reader *reader, struct hadal_process *process)
{
	const struct hadal_object *task = reader->task;
	uint64_t pgd = pointed_value(reader, MM, MM_PGD);

	*process = (struct hadal_process){
		.task = task->address,
		.pid = hadal_object_value(task, PID),
		.tgid = hadal_object_value(task, TGID),
		.parent = pointed_value(reader, REAL_PARENT, TGID),
		.threads = pointed_value(reader, SIGNAL, SIGNAL_THREADS),
		.state = state_letter(hadal_object_value(task, STATE),
				      hadal_object_value(task, EXIT_STATE)),
		.kernel_thread = hadal_object_value(task, FLAGS) & PF_KTHREAD,
		.start_time = hadal_object_value(task, START_TIME),
		.mm = hadal_object_value(task, MM),
		.leader = hadal_object_value(task, GROUP_LEADER),
		.child = relative(reader, CHILDREN, hadal_object_at(task, CHILDREN)),
		.sibling = relative(reader, SIBLING,
				    hadal_object_value(task, REAL_PARENT) +
					    hadal_plan_offset(&reader->plan, CHILDREN)),
	};
	hadal_object_string(task, COMM, process->comm, sizeof(process->comm));
	if (process->kernel_thread)
		name_kernel_thread(reader, process->comm);
	describe_cred(reader, process);
	if (!pgd || hadal_space_address(reader->plan.space, pgd, &process->page_table))
		process->page_table = 0;
}

int process_reader_open(struct process_reader *reader, struct hadal_kernel *kernel,
			struct hadal_error *error)
{
	int result = hadal_plan_open(&reader->plan, kernel, needs, PROCESS_NEEDS, error);

	reader->task = &reader->plan.objects[TASK];
	reader->cred = &reader->plan.objects[CREDENTIALS];
	return result;
}

void process_reader_close(struct process_reader *reader)
{
	hadal_plan_close(&reader->plan);
}
