// SPDX-License-Identifier: MIT
/* The kernel's list of processes, and their threads. */
#include "process/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "process/process_reader.h"

/* A list of processes that is being made. */
struct collector {
	struct process_reader reader;
	/* Which member links the list that is walked: TASKS or THREAD_NODE. */
	enum process_need link;
	struct hadal_process_list *list;
	size_t capacity;
};

static int visit_task(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct collector *collector = ctx;
	struct process_reader *reader = &collector->reader;
	const struct hadal_object *task = reader->task;
	struct hadal_process *process;
	int error = process_reader_read(reader,
					node - hadal_plan_offset(&reader->plan, collector->link));

	if (error)
		return error;
	*links = hadal_object_links(task, collector->link);
	/* The first thread is in the list of processes already. */
	if (collector->link == THREAD_NODE &&
	    hadal_object_value(task, PID) == hadal_object_value(task, TGID))
		return 0;
	process = HADAL_LIST_APPEND(collector->list, &collector->capacity);
	if (!process)
		return ENOMEM;
	process_reader_describe(reader, process);
	process->in = HADAL_IN_LIST;
	return 0;
}

/* Adds the other threads of every process found. */
static int add_threads(struct collector *collector)
{
	struct process_reader *reader = &collector->reader;
	struct hadal_process_list *list = collector->list;
	size_t processes = list->count;

	collector->link = THREAD_NODE;
	for (size_t i = 0; i < processes; i++) {
		uint64_t signal;
		int result;

		if (list->items[i].threads <= 1)
			continue;
		result = process_reader_read(reader, list->items[i].task);
		signal = result ? 0 : hadal_object_value(reader->task, SIGNAL);
		if (signal)
			result = hadal_list_walk(
				reader->plan.space,
				signal + hadal_plan_offset(&reader->plan, SIGNAL_THREAD_HEAD),
				HADAL_PID_LIMIT, visit_task, collector, &list->lost);
		if (result == ENOMEM || result == -ENOMEM)
			return -ENOMEM;
		if (result || !signal)
			list->lost++;
	}
	return 0;
}

int hadal_processes(struct hadal_kernel *kernel, bool threads, struct hadal_process_list *list,
		    struct hadal_error *error)
{
	struct collector collector = {.link = TASKS, .list = list};
	struct process_reader *reader = &collector.reader;
	int result = process_reader_open(reader, kernel, error);

	*list = (struct hadal_process_list){0};
	if (result) {
		process_reader_close(reader);
		return result;
	}
	hadal_space_flush(reader->plan.space);
	result = hadal_list_walk(reader->plan.space,
				 reader->plan.symbols[INIT_TASK] +
					 hadal_plan_offset(&reader->plan, TASKS),
				 HADAL_PID_LIMIT, visit_task, &collector, &list->lost);
	if (!result && threads)
		result = add_threads(&collector);
	process_reader_close(reader);
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
