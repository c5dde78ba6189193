// SPDX-License-Identifier: MIT
/*
 * test_unlisted: takes a sleeping process out of the kernel's list of processes, and out of its PID
 * table, and sees whether `hadal ps` finds it and no other. test_unlisted load SECONDS: checks the
 * lists again and again while processes and threads begin and end; none of them may seem hidden.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "walk/object.h"
#include "process/pid_table.h"
#include "process/process.h"

static struct hadal *hadal;
static struct hadal_memory memory;
static struct hadal_kernel *kernel;

static void fail(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static void need(int result, const struct hadal_error *error)
{
	if (result)
		fail(error->text);
}

static void open_kernel(void)
{
	struct hadal_traces traces;
	struct hadal_error error;

	need(hadal_open(&hadal, &error), &error);
	need(hadal_device_memory(hadal, &memory, &error), &error);
	need(hadal_device_traces(hadal, 0, &traces, &error), &error);
	kernel = hadal_kernel_open(&memory, &traces, &error);
	if (!kernel)
		fail(error.text);
}

/* A word of the kernel that this changes. */
struct word {
	uint64_t address, value;
};

static uint64_t read_word(uint64_t address)
{
	uint64_t value;

	hadal_space_flush(hadal_kernel_space(kernel));
	if (hadal_space_read_u64(hadal_kernel_space(kernel), address, &value))
		fail("cannot read a word of the kernel");
	return value;
}

/* Writes words and puts what they were in their place. */
static void exchange(struct word *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t before = read_word(words[i].address);
		struct hadal_error error;

		need(hadal_write_virtual(hadal, HADAL_ROOT_CURRENT, words[i].address,
					 &words[i].value, sizeof(words[i].value), 0, NULL, &error),
		     &error);
		words[i].value = before;
	}
}

static pid_t start_sleeper(void)
{
	pid_t pid = fork();

	if (!pid)
		for (;;)
			pause();
	return pid;
}

static uint64_t task_of(pid_t pid)
{
	struct hadal_process_list list;
	struct hadal_error error;
	const struct hadal_process *process;
	uint64_t task;

	need(hadal_processes(kernel, false, &list, &error), &error);
	process = hadal_process_of(&list, pid);
	if (!process)
		fail("a sleeper is not in the list");
	task = process->task;
	hadal_processes_free(&list);
	return task;
}

/* `hadal ps` marks that process (0: none) with these words, and no other. */
static void expect_hidden(pid_t pid, const char *in)
{
	FILE *ps = popen("hadal ps --json", "r");
	char line[8192], wanted[32], places[64];
	int hidden = 0;

	snprintf(wanted, sizeof(wanted), "\"pid\":%d,", pid);
	snprintf(places, sizeof(places), "\"in\":[%s]", in);
	while (ps && fgets(line, sizeof(line), ps)) {
		if (!strstr(line, "\"hidden\":true"))
			continue;
		hidden++;
		if (!strstr(line, wanted) || !strstr(line, places)) {
			printf("wrongly hidden, not %s %s: %s", wanted, places, line);
			exit(1);
		}
	}
	if (!ps || pclose(ps))
		fail("hadal ps failed");
	if (hidden != !!pid)
		fail("the hidden process was not found");
}

/* Only the middle one of three is taken out, so that its neighbours do not change meanwhile. */
static void hide(void)
{
	static const struct hadal_field_request requests[] = {{"task_struct", {"tasks"}, false},
							      {"pid", {"tasks"}, false}};
	pid_t sleepers[3] = {start_sleeper(), start_sleeper(), start_sleeper()};
	struct hadal_field fields[2];
	struct hadal_error error;
	struct hadal_pid_table *table;
	struct hadal_pid pid;
	uint64_t nodes[3];

	need(hadal_kernel_fields(kernel, requests, 2, fields, &error), &error);
	for (int i = 0; i < 3; i++)
		nodes[i] = task_of(sleepers[i]) + fields[0].offset;
	if (read_word(nodes[0]) != nodes[1] || read_word(nodes[1]) != nodes[2])
		fail("the sleepers are not neighbours");
	struct word list[] = {{nodes[0], nodes[2]}, {nodes[2] + 8, nodes[0]}};

	table = hadal_pid_table_open(kernel, &error);
	if (!table || hadal_pid_table_find(table, sleepers[1], &pid))
		fail("the sleeper's number was not found");
	if (pid.leader != nodes[1] - fields[0].offset || pid.thread != pid.leader)
		fail("the sleeper's number leads to another task");
	struct word pids[] = {{pid.address + fields[1].offset, 0},
			      {pid.address + fields[1].offset + 8, 0}};

	expect_hidden(0, "");
	exchange(list, 2);
	expect_hidden(sleepers[1], "\"pids\",\"family\"");
	exchange(pids, 2);
	expect_hidden(sleepers[1], "\"family\"");
	exchange(list, 2);
	expect_hidden(sleepers[1], "\"list\"");
	exchange(pids, 2);
	expect_hidden(0, "");
	hadal_pid_table_close(table);
	for (int i = 0; i < 3; i++) {
		kill(sleepers[i], SIGKILL);
		if (waitpid(sleepers[i], NULL, 0) != sleepers[i])
			fail("a sleeper cannot be ended");
	}
}

static void *do_nothing(void *unused)
{
	return unused;
}

/* Begins and ends processes and threads, also such that execute another program. */
static void make_load(int kind)
{
	for (;;) {
		pthread_t thread;
		pid_t child;

		if (kind == 0 && !pthread_create(&thread, NULL, do_nothing, NULL))
			pthread_join(thread, NULL);
		if (kind == 0)
			continue;
		child = fork();
		if (!child && kind == 1)
			execl("/bin/true", "true", NULL);
		if (!child)
			_exit(0);
		if (child > 0)
			waitpid(child, NULL, 0);
	}
}

static void check_once(bool threads, size_t *processes)
{
	struct hadal_process_list list;
	struct hadal_error error;

	need(hadal_processes(kernel, threads, &list, &error), &error);
	need(hadal_processes_check(kernel, threads, &list, &error), &error);
	for (size_t i = 0; i < list.count; i++) {
		const struct hadal_process *process = &list.items[i];

		if (!process->hidden)
			continue;
		printf("falsely hidden: %d of %d (%s), known by %#x\n", process->pid, process->tgid,
		       process->comm, process->in);
		exit(1);
	}
	*processes += list.count;
	hadal_processes_free(&list);
}

static void check_under_load(int seconds)
{
	time_t end = time(NULL) + seconds;
	size_t processes = 0, lists = 0;
	pid_t loads[4];

	for (int i = 0; i < 4; i++) {
		loads[i] = fork();
		if (!loads[i])
			make_load(i);
	}
	for (; time(NULL) < end; lists++)
		check_once(lists % 2, &processes);
	for (int i = 0; i < 4; i++)
		kill(loads[i], SIGKILL);
	printf("%zu lists of %zu processes and threads, none hidden\n", lists, processes);
	if (lists < 3)
		fail("too few lists");
}

int main(int argc, char **argv)
{
	open_kernel();
	if (argc == 3 && !strcmp(argv[1], "load"))
		check_under_load(atoi(argv[2]));
	else
		hide();
	return 0;
}
