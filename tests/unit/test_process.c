// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Lists of processes and modules that are sound, changing or damaged. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "system/module.h"
#include "process/process.h"
#include "machine.h"
#include "unit.h"

#define TASKS 20

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	uint64_t tasks[TASKS];
	struct hadal_process_list list;
};

static struct fixture make(void)
{
	struct fixture fixture = {.machine = machine_new(&(struct machine_options){0})};

	for (int i = 0; i < TASKS; i++) {
		char comm[16];

		snprintf(comm, sizeof(comm), i % 4 ? "program%d" : "[kthread%d]", i);
		fixture.tasks[i] = machine_add_task(fixture.machine, i + 1, comm, 0);
	}
	fixture.kernel = machine_open(fixture.machine);
	return fixture;
}

static struct machine_task *task(struct fixture *fixture, int index)
{
	return machine_at(fixture->machine, fixture->tasks[index]);
}

static uint64_t node(const struct fixture *fixture, int index)
{
	return fixture->tasks[index] + offsetof(struct machine_task, tasks);
}

static void read_list(struct fixture *fixture, bool threads)
{
	hadal_processes_free(&fixture->list);
	assert_int_equal(hadal_processes(fixture->kernel, threads, &fixture->list, NULL), 0);
}

/* Are all but one (or with -1, all) processes there, each once? */
static void expect_all_but(struct fixture *fixture, int missing)
{
	int seen[TASKS + 1] = {0};

	for (size_t i = 0; i < fixture->list.count; i++) {
		assert_in_range(fixture->list.items[i].pid, 1, TASKS);
		seen[fixture->list.items[i].pid]++;
	}
	for (int i = 0; i < TASKS; i++)
		assert_int_equal(seen[i + 1], i != missing);
}

static void drop(struct fixture *fixture)
{
	hadal_processes_free(&fixture->list);
	machine_free(fixture->machine);
}

static void processes_are_listed(void **state)
{
	struct fixture fixture = make();
	const struct hadal_process *process;

	(void)state;
	task(&fixture, 5)->real_parent = fixture.tasks[2];
	task(&fixture, 6)->state = 2;
	task(&fixture, 7)->state = 0x402;
	task(&fixture, 8)->exit_state = 0x20;
	task(&fixture, 9)->state = 0;
	read_list(&fixture, false);
	assert_int_equal(fixture.list.count, TASKS);
	assert_int_equal(fixture.list.lost, 0);
	process = &fixture.list.items[5];
	assert_true(process->task == fixture.tasks[5]);
	assert_int_equal(process->pid, 6);
	assert_int_equal(process->tgid, 6);
	assert_int_equal(process->parent, 3);
	assert_int_equal(process->uid, 1006);
	assert_int_equal(process->euid, 2006);
	assert_int_equal(process->gid, 3006);
	assert_int_equal(process->threads, 1);
	assert_int_equal(process->start_time, 6000);
	assert_int_equal(process->state, 'S');
	assert_false(process->kernel_thread);
	assert_true(process->page_table == 0x100000);
	assert_string_equal(process->comm, "program5");
	assert_int_equal(fixture.list.items[6].state, 'D');
	assert_int_equal(fixture.list.items[7].state, 'I');
	assert_int_equal(fixture.list.items[8].state, 'Z');
	assert_int_equal(fixture.list.items[9].state, 'R');
	assert_true(fixture.list.items[4].kernel_thread);
	assert_true(fixture.list.items[4].page_table == 0);
	assert_string_equal(fixture.list.items[4].comm, "[kthread4]");
	drop(&fixture);
}

static void threads_are_listed(void **state)
{
	struct fixture fixture = make();
	int threads = 0;

	(void)state;
	machine_add_task(fixture.machine, 100, "worker", fixture.tasks[3]);
	machine_add_task(fixture.machine, 101, "worker", fixture.tasks[3]);
	machine_add_task(fixture.machine, 102, "worker", fixture.tasks[9]);
	read_list(&fixture, false);
	assert_int_equal(fixture.list.count, TASKS);
	assert_int_equal(fixture.list.items[3].threads, 3);
	read_list(&fixture, true);
	assert_int_equal(fixture.list.count, TASKS + 3);
	assert_int_equal(fixture.list.lost, 0);
	for (size_t i = 0; i < fixture.list.count; i++) {
		const struct hadal_process *process = &fixture.list.items[i];

		if (process->pid == process->tgid)
			continue;
		assert_int_equal(process->tgid, process->pid == 102 ? 10 : 4);
		assert_string_equal(process->comm, "worker");
		threads++;
	}
	assert_int_equal(threads, 3);
	drop(&fixture);
}

/* Whatever one link becomes, all that hangs on the other end is found, and the loss is told. */
static void broken_links_cost_no_more_than_they_must(void **state)
{
	struct fixture fixture = make();
	const uint64_t bad[] = {
		0,
		0xdead000000000100ull,  /* LIST_POISON1 */
		node(&fixture, 10) + 1, /* not aligned */
		0xffff888000f00000ull,  /* memory that is no task */
		0xffff888012340000ull,  /* not mapped */
		node(&fixture, 3),      /* a cycle */
		node(&fixture, 10),     /* to itself */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		task(&fixture, 10)->tasks.next = bad[i];
		read_list(&fixture, false);
		expect_all_but(&fixture, -1);
		assert_int_equal(fixture.list.lost, 1);
	}
	/* Both of its neighbours' links broken: that one task is lost. */
	task(&fixture, 9)->tasks.next = 0;
	task(&fixture, 11)->tasks.prev = 0;
	read_list(&fixture, false);
	expect_all_but(&fixture, 10);
	assert_int_equal(fixture.list.lost, 1);
	drop(&fixture);
}

static void damaged_tasks_are_left_out(void **state)
{
	struct fixture fixture = make();

	(void)state;
	task(&fixture, 10)->pid = -5;
	read_list(&fixture, false);
	expect_all_but(&fixture, 10);
	assert_int_equal(fixture.list.lost, 1);
	task(&fixture, 10)->pid = 11;
	memset(task(&fixture, 10)->comm, 'x', 16);
	read_list(&fixture, false);
	expect_all_but(&fixture, 10);
	/* Pointers out of a task that lead nowhere cost only what they point to. */
	strcpy(task(&fixture, 10)->comm, "again");
	task(&fixture, 10)->cred = 0x1234;
	task(&fixture, 10)->signal = ~0ull;
	task(&fixture, 10)->mm = 0xffff888012340000ull;
	task(&fixture, 10)->real_parent = 0;
	read_list(&fixture, true);
	expect_all_but(&fixture, -1);
	assert_int_equal(fixture.list.lost, 0);
	assert_int_equal(fixture.list.items[10].uid, 0);
	drop(&fixture);
}

static void a_broken_head_is_an_error(void **state)
{
	struct fixture fixture = make();
	struct machine_task *init = machine_at(fixture.machine, fixture.machine->init_task);

	(void)state;
	init->tasks.next = 0;
	read_list(&fixture, false);
	expect_all_but(&fixture, -1);
	assert_int_equal(fixture.list.lost, 1);
	init->tasks.prev = 0x10;
	read_list(&fixture, false);
	assert_int_equal(fixture.list.count, 0);
	assert_int_equal(fixture.list.lost, 1);
	drop(&fixture);
}

/* A list that changes under the reader: a link is wrong until its task has been read once. */
struct torn {
	struct machine *machine;
	ssize_t (*read)(void *ctx, uint64_t pa, void *buf, size_t len);
	uint64_t at; /* physical address of the link */
	bool settled;
};

static ssize_t torn_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct torn *torn = ctx;
	ssize_t got = torn->read(torn->machine, pa, buf, len);
	uint64_t bad = 0xdead000000000100ull;

	if (got > 0 && !torn->settled && pa <= torn->at && torn->at + 8 <= pa + got) {
		memcpy((char *)buf + (torn->at - pa), &bad, sizeof(bad));
		/* A piece of the cache is a neighbour's, kept with the wrong link in it. */
		torn->settled = len != 512;
	}
	return got;
}

static void torn_links_are_read_again(void **state)
{
	struct fixture fixture = make();
	struct torn torn = {
		.machine = fixture.machine,
		.read = fixture.machine->memory.read,
		.at = node(&fixture, 7) - MACHINE_DIRECT_MAP,
	};

	(void)state;
	fixture.machine->memory.read = torn_read;
	fixture.machine->memory.ctx = &torn;
	read_list(&fixture, false);
	assert_true(torn.settled);
	expect_all_but(&fixture, -1);
	assert_int_equal(fixture.list.lost, 0);
	drop(&fixture);
}

static void both_module_layouts_are_read(void **state)
{
	(void)state;
	for (int new = 0; new <= 1; new ++) {
		struct machine *machine =
			machine_new(&(struct machine_options){.new_modules = new});
		struct hadal_kernel *kernel;
		struct hadal_module_list list;

		machine_add_module(machine, "first", 0xffffffffc0100000ull);
		machine_add_module(machine, "second", 0xffffffffc0200000ull);
		kernel = machine_open(machine);
		assert_int_equal(hadal_modules(kernel, &list, NULL), 0);
		assert_int_equal(list.count, 2);
		assert_int_equal(list.lost, 0);
		assert_string_equal(list.items[0].name, "first");
		assert_string_equal(list.items[1].name, "second");
		assert_true(list.items[1].base == 0xffffffffc0200000ull);
		assert_int_equal(list.items[1].size, 0x4000);
		assert_int_equal(list.items[1].references, 2);
		assert_string_equal(hadal_module_state_name(list.items[1].state), "Live");
		hadal_modules_free(&list);
		machine_free(machine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_are_listed),
		cmocka_unit_test(threads_are_listed),
		cmocka_unit_test(broken_links_cost_no_more_than_they_must),
		cmocka_unit_test(damaged_tasks_are_left_out),
		cmocka_unit_test(a_broken_head_is_an_error),
		cmocka_unit_test(torn_links_are_read_again),
		cmocka_unit_test(both_module_layouts_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
