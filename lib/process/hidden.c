// SPDX-License-Identifier: MIT
/*
 * Processes that somebody took out of the kernel's lists. The kernel puts a task into the list of
 * processes, its family and the PID table under one lock, but nobody holds that lock while this
 * reads: a task that begins or ends is in some of them only. So whatever seems hidden is looked for
 * again, and counts only if it was the same living task before and after, each time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/missing.h"
#include "process/process_reader.h"
#include "process/running.h"

/* How often it is looked again, and the pause between, in which a lock's holder goes on. */
#define ROUNDS   3
#define PAUSE_NS 10000000
/* How often a list is read anew because it changed under the eyes. */
#define TRIES 8
/* More than that is damage. */
#define SUSPECTS_MAX 65536u

/* Set when a task is being taken out of the lists, include/linux/sched.h. */
#define EXIT_DEAD 0x10u

/* What of a list's process the PID table led to. */
#define AS_THREAD 1u
#define AS_LEADER 2u

struct suspect {
	uint64_t task;
	uint8_t claimed; /* HADAL_IN_*: where it was met */
	uint8_t found;   /* where it was found again */
	bool gone;
	int32_t pid, tgid;
	uint64_t start_time;
};

struct check {
	struct process_reader reader;
	struct hadal_pid_table *table;
	bool threads;
	struct hadal_process_list *list;
	struct hadal_address_map tasks; /* of the list, with their indexes */
	bool incomplete;                /* memory that was needed is not in the image */
	uint8_t *marks;                 /* AS_*, for each of the list */
	struct {
		struct suspect *items;
		size_t count;
	} suspects;
	size_t capacity;
	struct hadal_address_map suspected; /* tasks, with their indexes among the suspects */
};

/* Something is odd about a task that was met at some place. Returns 0 or -ENOMEM. */
static int add_suspect(struct check *check, uint64_t task, uint8_t claimed)
{
	int new = hadal_is_node(task)
			  ? hadal_address_map_add(&check->suspected, task, check->suspects.count)
			  : -EINVAL;
	struct suspect *suspect;

	if (new == -ENOMEM)
		return new;
	if (!new)
		check->suspects.items[*hadal_address_map_find(&check->suspected, task)].claimed |=
			claimed;
	if (new <= 0)
		return 0;
	suspect = HADAL_LIST_APPEND(&check->suspects, &check->capacity);
	if (!suspect)
		return -ENOMEM;
	*suspect = (struct suspect){.task = task, .claimed = claimed};
	return check->suspects.count < SUSPECTS_MAX ? 0 : -E2BIG;
}

/* A task was met; is it in the list? Returns 0 or a negative errno. */
static int met(struct check *check, uint64_t task, uint8_t where)
{
	if (!task || hadal_address_map_find(&check->tasks, task))
		return 0;
	return add_suspect(check, task, where);
}

/* A thread was met; is its process in the list? */
static int met_thread(struct check *check, uint64_t task, uint8_t where)
{
	uint64_t leader;

	if (check->threads || !task || hadal_address_map_find(&check->tasks, task))
		return met(check, task, where);
	leader = hadal_plan_read(&check->reader.plan, GROUP_LEADER, task);
	return met(check, leader, leader == task ? where : HADAL_IN_FAMILY);
}

static void mark(struct check *check, uint64_t task, uint8_t as)
{
	const size_t *index = hadal_address_map_find(&check->tasks, task);

	if (task && index)
		check->marks[*index] |= as;
}

static int visit_pid(void *ctx, const struct hadal_pid *pid)
{
	struct check *check = ctx;
	int result = met(check, pid->leader, HADAL_IN_PIDS);

	mark(check, pid->thread, AS_THREAD);
	mark(check, pid->leader, AS_LEADER);
	return result ? result : met_thread(check, pid->thread, HADAL_IN_PIDS);
}

static int visit_running(void *ctx, uint32_t cpu, uint64_t task)
{
	(void)cpu;
	return met_thread(ctx, task, HADAL_IN_CPU);
}

static int check_list(struct check *check)
{
	int result = 0;

	for (size_t i = 0; i < check->list->count && !result; i++) {
		struct hadal_process *process = &check->list->items[i];
		uint8_t needed = process->pid == process->tgid ? AS_THREAD | AS_LEADER : AS_THREAD;

		result = met(check, process->child, HADAL_IN_FAMILY);
		if (!result)
			result = met(check, process->sibling, HADAL_IN_FAMILY);
		if ((check->marks[i] & needed) == needed)
			process->in |= HADAL_IN_PIDS;
		else if (!result)
			result = add_suspect(check, process->task, HADAL_IN_LIST);
	}
	return result;
}

/* Adds the tasks of a list. Returns 0, -EAGAIN when it changed meanwhile, or -ENOMEM. */
static int collect_once(struct check *check, uint64_t head, uint64_t link,
			struct hadal_address_map *tasks)
{
	struct hadal_space *space = check->reader.plan.space;
	struct hadal_links before, links;
	uint64_t node = head;

	hadal_space_flush(space);
	if (hadal_space_read_exact(space, head, &before, sizeof(before)))
		return -EAGAIN;
	for (size_t left = HADAL_PID_LIMIT; before.next != head; left--) {
		if (!left || !hadal_is_node(before.next) ||
		    hadal_space_read_exact(space, before.next, &links, sizeof(links)) ||
		    links.prev != node)
			return -EAGAIN;
		node = before.next;
		before = links;
		if (hadal_address_map_add(tasks, node - link, 0) == -ENOMEM)
			return -ENOMEM;
	}
	return before.next == head && node != head ? 0 : -EAGAIN;
}

struct members {
	struct hadal_space *space;
	uint64_t link;
	struct hadal_address_map *tasks;
};

static int visit_member(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct members *members = ctx;
	int error = hadal_space_read_exact(members->space, node, links, sizeof(*links));

	if (error)
		return error;
	return hadal_address_map_add(members->tasks, node - members->link, 0) == -ENOMEM ? ENOMEM
											 : 0;
}

/* Adds the tasks of a list, all of them if it holds still for a moment. Returns 0 or -ENOMEM. */
static int collect(struct check *check, uint64_t head, enum process_need link,
		   struct hadal_address_map *tasks)
{
	struct members members = {check->reader.plan.space,
				  hadal_plan_offset(&check->reader.plan, link), tasks};
	int result = -EAGAIN;
	size_t lost = 0;

	for (int i = 0; i < TRIES && result == -EAGAIN; i++)
		result = collect_once(check, head, members.link, tasks);
	if (result == -EAGAIN)
		result = hadal_list_walk(members.space, head, HADAL_PID_LIMIT, visit_member,
					 &members, &lost);
	return abs(result) == ENOMEM ? -ENOMEM : 0;
}

/* Is it still, or again, the task that it was? */
static void examine(struct check *check, struct suspect *suspect)
{
	const struct hadal_object *task = check->reader.task;
	bool known = suspect->pid;

	if (suspect->gone)
		return;
	suspect->gone = process_reader_read(&check->reader, suspect->task) ||
			hadal_object_value(task, EXIT_STATE) & EXIT_DEAD ||
			!hadal_object_value(task, PID) ||
			(known && (hadal_object_value(task, PID) != (uint32_t)suspect->pid ||
				   hadal_object_value(task, TGID) != (uint32_t)suspect->tgid ||
				   hadal_object_value(task, START_TIME) != suspect->start_time));
	if (suspect->gone || known)
		return;
	suspect->pid = hadal_object_value(task, PID);
	suspect->tgid = hadal_object_value(task, TGID);
	suspect->start_time = hadal_object_value(task, START_TIME);
}

static void examine_all(struct check *check)
{
	hadal_space_flush(check->reader.plan.space);
	for (size_t i = 0; i < check->suspects.count; i++)
		examine(check, &check->suspects.items[i]);
}

/* Looks for a thread in the list of its process's threads. */
static int find_in_process(struct check *check, struct suspect *suspect)
{
	struct process_reader *reader = &check->reader;
	struct hadal_address_map threads = {0};
	uint64_t signal;
	int result;

	if (process_reader_read(reader, suspect->task))
		return 0;
	signal = hadal_object_value(reader->task, SIGNAL);
	result = collect(check, signal + hadal_plan_offset(&reader->plan, SIGNAL_THREAD_HEAD),
			 THREAD_NODE, &threads);
	if (hadal_address_map_find(&threads, suspect->task))
		suspect->found |= HADAL_IN_LIST;
	hadal_address_map_free(&threads);
	return result;
}

static int find_in_lists(struct check *check)
{
	struct hadal_address_map tasks = {0};
	int result = collect(check,
			     check->reader.plan.symbols[INIT_TASK] +
				     hadal_plan_offset(&check->reader.plan, TASKS),
			     TASKS, &tasks);

	for (size_t i = 0; i < check->suspects.count && !result; i++) {
		struct suspect *suspect = &check->suspects.items[i];

		if (suspect->gone || suspect->found & HADAL_IN_LIST)
			continue;
		if (suspect->pid != suspect->tgid)
			result = find_in_process(check, suspect);
		else if (hadal_address_map_find(&tasks, suspect->task))
			suspect->found |= HADAL_IN_LIST;
	}
	hadal_address_map_free(&tasks);
	return result;
}

static void find_in_pids(struct check *check)
{
	hadal_space_flush(check->reader.plan.space);
	for (size_t i = 0; i < check->suspects.count; i++) {
		struct suspect *suspect = &check->suspects.items[i];
		struct hadal_pid pid;

		if (suspect->gone || hadal_pid_table_find(check->table, suspect->pid, &pid) ||
		    pid.thread != suspect->task)
			continue;
		if (suspect->pid != suspect->tgid || pid.leader == suspect->task)
			suspect->found |= HADAL_IN_PIDS;
	}
}

static bool is_open(const struct suspect *suspect)
{
	const uint8_t both = HADAL_IN_LIST | HADAL_IN_PIDS;

	return !suspect->gone && (suspect->found & both) != both;
}

static bool any_open(const struct check *check)
{
	for (size_t i = 0; i < check->suspects.count; i++)
		if (is_open(&check->suspects.items[i]))
			return true;
	return false;
}

static int look_again(struct check *check)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	int result = 0;

	for (int round = 0; round < ROUNDS && any_open(check) && !result; round++) {
		if (round)
			nanosleep(&pause, NULL);
		examine_all(check);
		result = find_in_lists(check);
		find_in_pids(check);
		examine_all(check);
	}
	return result;
}

/* Puts what was found out about a suspect into the list. */
static int report(struct check *check, const struct suspect *suspect)
{
	const size_t *index = hadal_address_map_find(&check->tasks, suspect->task);
	struct hadal_process *process = index ? &check->list->items[*index] : NULL;
	size_t capacity = check->list->count;

	if (!is_open(suspect)) {
		if (process)
			process->in |= suspect->found;
		return 0;
	}
	if (!process) {
		if (process_reader_read(&check->reader, suspect->task))
			return 0;
		process = HADAL_LIST_APPEND(check->list, &capacity);
		if (!process)
			return -ENOMEM;
		process_reader_describe(&check->reader, process);
	}
	process->hidden = !check->incomplete;
	process->in = suspect->found | (suspect->claimed & (HADAL_IN_FAMILY | HADAL_IN_CPU));
	/* Perhaps in another namespace's PID table. */
	if (!process->in)
		process->in = suspect->claimed;
	return 0;
}

static int run_check(struct check *check, struct hadal_kernel *kernel)
{
	int result = 0;

	for (size_t i = 0; i < check->list->count && result >= 0; i++)
		result = hadal_address_map_add(&check->tasks, check->list->items[i].task, i);
	if (result < 0)
		return result;
	result = hadal_pid_table_walk(check->table, visit_pid, check, &check->list->lost);
	if (!result)
		result = check_list(check);
	if (!result)
		result = hadal_running(kernel, visit_running, check);
	if (!result)
		result = look_again(check);
	/* What an image lacks is not hidden. */
	check->incomplete = hadal_kernel_missing(kernel, NULL);
	for (size_t i = 0; i < check->suspects.count && !result; i++)
		result = report(check, &check->suspects.items[i]);
	return result;
}

int hadal_processes_check(struct hadal_kernel *kernel, bool threads,
			  struct hadal_process_list *list, struct hadal_error *error)
{
	struct check check = {
		.threads = threads,
		.list = list,
		.marks = calloc(list->count + 1, sizeof(*check.marks)),
	};
	int result = process_reader_open(&check.reader, kernel, error);

	if (!result) {
		check.table = hadal_pid_table_open(kernel, error);
		result = check.table ? 0 : -ENOENT;
	}
	if (!result) {
		result = check.marks ? run_check(&check, kernel) : -ENOMEM;
		if (result)
			hadal_fail(error, abs(result), "Cannot check the list of processes: %s",
				   strerror(abs(result)));
	}
	hadal_pid_table_close(check.table);
	process_reader_close(&check.reader);
	hadal_address_map_free(&check.tasks);
	hadal_address_map_free(&check.suspected);
	free(check.suspects.items);
	free(check.marks);
	return result;
}
