// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* The cross-check of the list of processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/process.h"
#include "machine.h"
#include "unit.h"

#define TASKS 80
#define BOTH  (HADAL_IN_LIST | HADAL_IN_PIDS)

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	uint64_t tasks[TASKS];
	uint64_t worker; /* a thread of the fourth */
	struct hadal_process_list list;
};

static int make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->machine = machine_new(&(struct machine_options){0});
	for (int i = 0; i < TASKS; i++)
		fixture->tasks[i] = machine_add_task(fixture->machine, i + 1, "program", 0);
	fixture->worker = machine_add_task(fixture->machine, 200, "worker", fixture->tasks[3]);
	fixture->kernel = machine_open(fixture->machine);
	*state = fixture;
	return 0;
}

static int drop(void **state)
{
	struct fixture *fixture = *state;

	hadal_processes_free(&fixture->list);
	machine_free(fixture->machine);
	free(fixture);
	return 0;
}

static struct machine_task *task(struct fixture *fixture, uint64_t address)
{
	return machine_at(fixture->machine, address);
}

static uint64_t *pid_slot(struct fixture *fixture, unsigned number)
{
	return machine_pid_slot(fixture->machine, fixture->machine->pid_namespace, number);
}

static void unlink_node(struct fixture *fixture, struct machine_links *links)
{
	((struct machine_links *)machine_at(fixture->machine, links->next))->prev = links->prev;
	((struct machine_links *)machine_at(fixture->machine, links->prev))->next = links->next;
}

static void check(struct fixture *fixture, bool threads)
{
	hadal_processes_free(&fixture->list);
	assert_int_equal(hadal_processes(fixture->kernel, threads, &fixture->list, NULL), 0);
	assert_int_equal(hadal_processes_check(fixture->kernel, threads, &fixture->list, NULL), 0);
}

/* This one and no other is hidden, and the rest is there. */
static void expect_hidden(struct fixture *fixture, uint64_t hidden, uint8_t in)
{
	bool seen = false;

	for (size_t i = 0; i < fixture->list.count; i++) {
		const struct hadal_process *process = &fixture->list.items[i];

		assert_int_equal(process->hidden, process->task == hidden);
		assert_int_equal(process->in, process->task == hidden ? in : BOTH);
		seen |= process->task == hidden;
	}
	assert_true(seen || !hidden);
}

static void nothing_is_hidden_in_a_sound_machine(void **state)
{
	struct fixture *fixture = *state;

	machine_enter_namespace(fixture->machine, fixture->tasks[20], 1);
	for (int threads = 0; threads <= 1; threads++) {
		check(fixture, threads);
		assert_int_equal(fixture->list.count, TASKS + threads);
		assert_int_equal(fixture->list.lost, 0);
		expect_hidden(fixture, 0, 0);
	}
}

static void missing_in_the_list_is_found(void **state)
{
	struct fixture *fixture = *state;

	unlink_node(fixture, &task(fixture, fixture->tasks[70])->tasks);
	check(fixture, false);
	assert_int_equal(fixture->list.count, TASKS);
	assert_int_equal(fixture->list.lost, 0);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_PIDS | HADAL_IN_FAMILY);
	assert_int_equal(fixture->list.items[TASKS - 1].pid, 71);
	assert_int_equal(fixture->list.items[TASKS - 1].uid, 1071);
	/* Known to the PID table alone. */
	unlink_node(fixture, &task(fixture, fixture->tasks[70])->sibling);
	check(fixture, true);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_PIDS);
}

static void missing_in_the_pid_table_is_found(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pid = *pid_slot(fixture, 71);

	*pid_slot(fixture, 71) = 0;
	check(fixture, false);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_LIST);
	/* What /proc lists by, and what kill() finds by. */
	*pid_slot(fixture, 71) = pid;
	for (int type = 0; type < 2; type++) {
		uint64_t *first =
			&((struct machine_pid *)machine_at(fixture->machine, pid))->tasks[type];
		uint64_t kept = *first;

		*first = 0;
		check(fixture, false);
		expect_hidden(fixture, fixture->tasks[70], HADAL_IN_LIST);
		*first = kept;
	}
}

static void missing_in_both_is_found_by_others(void **state)
{
	struct fixture *fixture = *state;
	struct machine_queue *queue = machine_at(fixture->machine, fixture->machine->queues[1]);

	*pid_slot(fixture, 71) = 0;
	unlink_node(fixture, &task(fixture, fixture->tasks[70])->tasks);
	check(fixture, false);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_FAMILY);
	unlink_node(fixture, &task(fixture, fixture->tasks[70])->sibling);
	check(fixture, false);
	expect_hidden(fixture, 0, 0);
	queue->curr = fixture->tasks[70];
	check(fixture, false);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_CPU);
	/* By a thread of it. */
	queue->curr = fixture->machine->init_task;
	*pid_slot(fixture, 4) = 0;
	unlink_node(fixture, &task(fixture, fixture->tasks[3])->tasks);
	unlink_node(fixture, &task(fixture, fixture->tasks[3])->sibling);
	check(fixture, false);
	expect_hidden(fixture, fixture->tasks[3], HADAL_IN_FAMILY);
}

static void missing_in_the_first_namespace_is_found(void **state)
{
	struct fixture *fixture = *state;
	uint64_t namespace = machine_enter_namespace(fixture->machine, fixture->tasks[20], 1);

	/* Its neighbour leads to the namespace. */
	*machine_pid_slot(fixture->machine, namespace, 2) = *pid_slot(fixture, 71);
	*pid_slot(fixture, 71) = 0;
	unlink_node(fixture, &task(fixture, fixture->tasks[70])->tasks);
	unlink_node(fixture, &task(fixture, fixture->tasks[70])->sibling);
	check(fixture, false);
	expect_hidden(fixture, fixture->tasks[70], HADAL_IN_PIDS);
}

static void missing_threads_are_found(void **state)
{
	struct fixture *fixture = *state;
	uint64_t pid = *pid_slot(fixture, 200);

	*pid_slot(fixture, 200) = 0;
	check(fixture, true);
	expect_hidden(fixture, fixture->worker, HADAL_IN_LIST);
	*pid_slot(fixture, 200) = pid;
	unlink_node(fixture, &task(fixture, fixture->worker)->thread_node);
	check(fixture, false);
	expect_hidden(fixture, 0, 0);
	check(fixture, true);
	expect_hidden(fixture, fixture->worker, HADAL_IN_PIDS);
}

static void what_ends_is_not_hidden(void **state)
{
	struct fixture *fixture = *state;

	*pid_slot(fixture, 71) = 0;
	task(fixture, fixture->tasks[70])->exit_state = 0x10;
	unlink_node(fixture, &task(fixture, fixture->tasks[60])->tasks);
	task(fixture, fixture->tasks[60])->exit_state = 0x10;
	check(fixture, false);
	for (size_t i = 0; i < fixture->list.count; i++)
		assert_false(fixture->list.items[i].hidden);
	/* One that waits to be waited for is still in both. */
	task(fixture, fixture->tasks[70])->exit_state = 0x20;
	check(fixture, false);
	assert_true(hadal_process_of(&fixture->list, 71)->hidden);
}

/* The list lacks a task at first, as it may when it changes while it is read. */
struct changing {
	struct machine *machine;
	ssize_t (*read)(void *ctx, uint64_t pa, void *buf, size_t len);
	uint64_t pid_slot; /* the physical address that is read when the list has been */
	struct machine_links *before, kept;
};

static ssize_t changing_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct changing *changing = ctx;

	if (pa <= changing->pid_slot && changing->pid_slot < pa + len)
		*changing->before = changing->kept;
	return changing->read(changing->machine, pa, buf, len);
}

static void what_begins_is_not_hidden(void **state)
{
	struct fixture *fixture = *state;
	struct machine_links *before = &task(fixture, fixture->tasks[69])->tasks;
	struct changing changing = {
		.machine = fixture->machine,
		.read = fixture->machine->memory.read,
		.pid_slot = (uint8_t *)pid_slot(fixture, 71) - fixture->machine->ram,
		.before = before,
		.kept = *before,
	};

	fixture->machine->memory.read = changing_read;
	fixture->machine->memory.ctx = &changing;
	before->next = fixture->tasks[71] + offsetof(struct machine_task, tasks);
	check(fixture, false);
	/* It was not in the list that was read, and is not reported as hidden. */
	assert_int_equal(fixture->list.count, TASKS - 1);
	expect_hidden(fixture, 0, 0);
}

static void a_damaged_table_ends(void **state)
{
	struct fixture *fixture = *state;
	struct machine_pid_namespace *namespace =
		machine_at(fixture->machine, fixture->machine->pid_namespace);
	struct machine_node *node = machine_at(fixture->machine, namespace->xa_head - 2);
	struct machine_node *other = (struct machine_node *)(fixture->machine->ram + 0xf00000);

	/* A node below itself, one that is there twice, one of zeros, and one as high as its own.
	 */
	other->shift = node->shift;
	node->slots[8] = 0xffff888000f00002ull;
	node->slots[5] = namespace->xa_head;
	node->slots[6] = node->slots[0];
	node->slots[7] = 0xffff888000000002ull;
	check(fixture, false);
	assert_int_equal(fixture->list.lost, 3);
	expect_hidden(fixture, 0, 0);
	namespace->xa_head = 0;
	check(fixture, false);
	assert_int_equal(fixture->list.lost, 1);
	assert_int_equal(fixture->list.count, TASKS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_MACHINE(test) cmocka_unit_test_setup_teardown(test, make, drop)
		WITH_MACHINE(nothing_is_hidden_in_a_sound_machine),
		WITH_MACHINE(missing_in_the_list_is_found),
		WITH_MACHINE(missing_in_the_pid_table_is_found),
		WITH_MACHINE(missing_in_both_is_found_by_others),
		WITH_MACHINE(missing_in_the_first_namespace_is_found),
		WITH_MACHINE(missing_threads_are_found),
		WITH_MACHINE(what_ends_is_not_hidden),
		WITH_MACHINE(what_begins_is_not_hidden),
		WITH_MACHINE(a_damaged_table_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
