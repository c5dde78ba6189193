// SPDX-License-Identifier: MIT
/* Who the task is that a CPU executes, by the address that the kernel has of it. */
#include "process/current.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "process/pid_table.h"
#include "walk/plan.h"

#define PLACES         256u
#define VALID_FOR_MS   100
#define TASK_ALIGN_LOG 6 /* a task_struct begins at a cache line */

enum need { TASK, PID, TGID, COMM, HOT, IN_HOT, CURRENT, NEEDS };

static const struct hadal_need needs[NEEDS] = {
	[TASK] = {HADAL_OBJECT("task_struct")},
	[PID] = {HADAL_MEMBER("task_struct", "pid")},
	[TGID] = {HADAL_MEMBER("task_struct", "tgid")},
	[COMM] = {HADAL_MEMBER("task_struct", "comm")},
	/* From 6.2 to 6.14 it is a member of another variable. */
	[HOT] = {HADAL_SYMBOL("pcpu_hot"), HADAL_OPTIONAL},
	[IN_HOT] = {HADAL_MEMBER("pcpu_hot", "current_task"), HADAL_OPTIONAL},
	[CURRENT] = {HADAL_SYMBOL("current_task"), HADAL_WITHOUT(IN_HOT)},
};

struct hadal_tasks {
	struct hadal_plan plan;
	struct place {
		struct hadal_task task; /* address 0: none */
		int64_t read_ms;
	} places[PLACES];
};

struct hadal_tasks *hadal_tasks_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_tasks *tasks = calloc(1, sizeof(*tasks));

	if (!tasks) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (hadal_plan_open(&tasks->plan, kernel, needs, NEEDS, error)) {
		hadal_tasks_close(tasks);
		return NULL;
	}
	return tasks;
}

void hadal_tasks_close(struct hadal_tasks *tasks)
{
	if (!tasks)
		return;
	hadal_plan_close(&tasks->plan);
	free(tasks);
}

uint64_t hadal_tasks_current(const struct hadal_tasks *tasks)
{
	const struct hadal_plan *plan = &tasks->plan;

	if (hadal_plan_has(plan, HOT) && hadal_plan_has(plan, IN_HOT))
		return plan->symbols[HOT] + hadal_plan_offset(plan, IN_HOT);
	return plan->symbols[CURRENT];
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_task(struct hadal_tasks *tasks, uint64_t address, struct hadal_task *task)
{
	struct hadal_object *object = &tasks->plan.objects[TASK];

	hadal_space_flush(tasks->plan.space);
	if (hadal_object_read(object, address) ||
	    hadal_object_value(object, PID) > HADAL_PID_LIMIT ||
	    hadal_object_value(object, TGID) > HADAL_PID_LIMIT ||
	    hadal_object_string(object, COMM, task->comm, sizeof(task->comm)) < 0)
		return false;
	task->address = address;
	task->pid = hadal_object_value(object, PID);
	task->tgid = hadal_object_value(object, TGID);
	return true;
}

const struct hadal_task *hadal_tasks_find(struct hadal_tasks *tasks, uint64_t address)
{
	struct place *place = &tasks->places[(address >> TASK_ALIGN_LOG) % PLACES];
	int64_t now = now_ms();

	if (!address)
		return NULL;
	if (place->task.address == address && now - place->read_ms < VALID_FOR_MS)
		return &place->task;
	place->read_ms = now;
	if (read_task(tasks, address, &place->task))
		return &place->task;
	place->task.address = 0;
	return NULL;
}
