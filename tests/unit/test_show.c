// SPDX-License-Identifier: MIT
// Sources: KERNEL lib/show/*.c tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Expressions, what they show, and what is said of wrong ones. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "show/walk.h"
#include "unit.h"

#define UNMAPPED "0xffff888012340000"

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	struct hadal_symbolizer *symbolizer;
	uint64_t task;
	char text[8192]; /* of the last walk */
};

static int make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct machine *machine = machine_new(&(struct machine_options){.new_modules = true});
	struct machine_task *init = machine_at(machine, machine->init_task);

	fixture->machine = machine;
	strcpy(init->comm, "swapper/0");
	fixture->task = machine_add_task(machine, 7, "seventh", 0);
	init->cred = ((struct machine_task *)machine_at(machine, fixture->task))->cred;
	machine_add_module(machine, "some_module", 0xffffffffc0100000ull);
	fixture->kernel = machine_open(machine);
	fixture->symbolizer = hadal_symbolizer_new(fixture->kernel, NULL);
	assert_non_null(fixture->symbolizer);
	*state = fixture;
	return 0;
}

static int drop(void **state)
{
	struct fixture *fixture = *state;

	hadal_symbolizer_free(fixture->symbolizer);
	machine_free(fixture->machine);
	free(fixture);
	return 0;
}

static void note(struct fixture *fixture, const char *name, const char *text)
{
	size_t len = strlen(fixture->text);

	snprintf(fixture->text + len, sizeof(fixture->text) - len, "%s%s%s ", name ? name : "",
		 name ? "=" : "", text);
}

static void on_begin(void *ctx, const char *name, bool array)
{
	note(ctx, name, array ? "[" : "{");
}

static void on_end(void *ctx, bool array)
{
	note(ctx, NULL, array ? "]" : "}");
}

static void on_leaf(void *ctx, const char *name, const struct hadal_leaf *leaf)
{
	static const char *const special[] = {
		[HADAL_LEAF_UNREADABLE] = "unreadable",
		[HADAL_LEAF_DEEPER] = "deeper",
		[HADAL_LEAF_MORE] = "more",
	};
	char text[2048];

	if (leaf->kind >= HADAL_LEAF_UNREADABLE)
		snprintf(text, sizeof(text), "%s", special[leaf->kind]);
	else if (leaf->kind == HADAL_LEAF_STRING)
		snprintf(text, sizeof(text), "\"%s\"", leaf->text);
	else if (leaf->kind == HADAL_LEAF_POINTER)
		snprintf(text, sizeof(text), "%#" PRIx64 "<%s>", leaf->number, leaf->text);
	else
		snprintf(text, sizeof(text), "%" PRIu64, leaf->number);
	if (leaf->repeats > 1)
		strcat(text, "*");
	note(ctx, name, text);
}

static const struct hadal_walk_options whole = {.depth = 10, .elements = 100};

static const char *walk(struct fixture *fixture, const char *expression,
			const struct hadal_walk_options *options)
{
	const struct hadal_value_visitor visitor = {on_begin, on_end, on_leaf, fixture};
	struct hadal_error error = {0};
	struct hadal_value value;

	fixture->text[0] = '\0';
	if (hadal_value_evaluate(fixture->kernel, fixture->symbolizer, expression, &value,
				 &error) ||
	    hadal_value_walk(fixture->kernel, fixture->symbolizer, &value, options, &visitor,
			     &error))
		snprintf(fixture->text, sizeof(fixture->text), "%s", error.text);
	return fixture->text;
}

static void paths_lead_to_values(void **state)
{
	static const struct {
		const char *expression, *result;
	} cases[] = {
		{"init_task.comm", "\"swapper/0\" "},
		{"init_task.cred->uid", "1007 "},
		{"init_task.cred.uid", "1007 "},
		{"(&init_task)->comm", "\"swapper/0\" "},
		{"(*&init_task).comm", "\"swapper/0\" "},
		{" init_task . comm [ 2 ] ", "97 "},
		{"container_of(init_task.tasks.next, struct task_struct, tasks)->comm",
		 "\"seventh\" "},
		{"container_of(init_task.tasks.next, struct task_struct, tasks.prev)->pid", "0 "},
		{"container_of(init_task.tasks.next, struct task_struct, tasks)->real_parent->comm",
		 "\"swapper/0\" "},
		{"((struct module *)container_of(modules.next, struct module, list))->mem[0].base",
		 "18446744072636858368 "},
		{"*init_task.cred", "{ uid=1007 euid=2007 gid=3007 } "},
		{"5", "5 "},
		{"0x10 + 2 - 1", "17 "},
		{"-1", "18446744073709551615 "},
		{"(unsigned int)-1", "4294967295 "},
		{"(char)0x1ff", "255 "},
		{"sizeof(struct list_head)", "16 "},
		{"*(unsigned int *)&init_task.pid + 1", "1 "},
		{"&((struct list_head *)0)->prev", "0x8<> "},
		{"(struct list_head *)0 + 3", "0x30<> "},
		{"(void *)16 + 3", "0x13<> "},
		{"&((struct list_head *)0)[2].next", "0x20<> "},
		{"(struct list_head *)0xffffffffc0100010",
		 "0xffffffffc0100010<[some_module]+0x10> "},
		{"&init_task", NULL},
	};
	struct fixture *fixture = *state;
	char symbol[64];

	for (size_t i = 0; cases[i].result; i++)
		assert_string_equal(walk(fixture, cases[i].expression, &whole), cases[i].result);
	snprintf(symbol, sizeof(symbol), "%#" PRIx64 "<init_task> ", fixture->machine->init_task);
	assert_string_equal(walk(fixture, "&init_task", &whole), symbol);
	snprintf(symbol, sizeof(symbol), "%#" PRIx64 "<init_task+0x4> ",
		 fixture->machine->init_task + 4);
	assert_string_equal(walk(fixture, "&init_task.__state", &whole), symbol);
}

static void mistakes_are_told(void **state)
{
	static const struct {
		const char *expression, *part;
	} cases[] = {
		{"", "ends where a symbol or a number is expected"},
		{"init_task.", "the name of a member"},
		{"init_task..pid", "the name of a member"},
		{"init_task.nothing", "task_struct has no member nothing"},
		{"init_task.pid.x", "points to nothing"},
		{"no_such_symbol", "no symbol and no enumerator"},
		{"linux_banner", "has no type"},
		{"linux_banner.x", "points to nothing"},
		{"*5", "points to nothing"},
		{"*(void *)5", "points to nothing"},
		{"&5", "has no address"},
		{"&&init_task", "has no address"},
		{"(struct nothing *)5", "no type 'struct nothing'"},
		{"(struct list_head)5", "cannot become"},
		{"init_task + 1", "no number"},
		{"init_task.comm[", "ends where"},
		{"(init_task", "')' is expected"},
		{"init_task)", "end"},
		{"1 2", "end"},
		{"1x", "is expected"},
		{"18446744073709551616", "is expected"},
		{"0x", "is expected"},
		{"a # b", "no symbol"},
		{"#", "is expected"},
		{"per_cpu(5, 0)", "per-CPU variable is expected"},
		{"container_of(5, unsigned int, x)", "points to nothing"},
		{"container_of(5, struct list_head *, next)", "is expected"},
		{"((struct task_struct *)" UNMAPPED ")->pid", "nothing is mapped"},
		{"*((struct task_struct *)" UNMAPPED ")->cred", "nothing is mapped"},
		{NULL, NULL},
	};
	struct fixture *fixture = *state;
	char deep[512];

	for (size_t i = 0; cases[i].expression; i++)
		if (!strstr(walk(fixture, cases[i].expression, &whole), cases[i].part))
			fail_msg("%s: %s", cases[i].expression, fixture->text);
	memset(deep, '(', sizeof(deep));
	strcpy(deep + sizeof(deep) - 2, "1");
	assert_non_null(strstr(walk(fixture, deep, &whole), "too deeply"));
	memset(deep, '*', sizeof(deep) - 2);
	assert_non_null(strstr(walk(fixture, deep, &whole), "too deeply"));
}

/* Names and numbers of any length end somewhere. */
static void long_tokens_are_refused(void **state)
{
	struct fixture *fixture = *state;
	char name[2000];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_non_null(strstr(walk(fixture, name, &whole), "where a symbol"));
	memset(name, '7', sizeof(name) - 1);
	assert_non_null(strstr(walk(fixture, name, &whole), "where a symbol"));
}

static void limits_are_kept(void **state)
{
	struct fixture *fixture = *state;
	struct hadal_walk_options options = whole;

	options.depth = 1;
	assert_non_null(strstr(walk(fixture, "init_task", &options), "tasks=deeper "));
	assert_non_null(strstr(walk(fixture, "init_task", &options), "comm=\"swapper/0\" "));
	options.depth = 0;
	assert_string_equal(walk(fixture, "init_task", &options), "deeper ");
	options = (struct hadal_walk_options){.depth = 10, .elements = 1};
	assert_string_equal(
		walk(fixture, "container_of(modules.next, struct module, list)->mem", &options),
		"[ { base=18446744072636858368 size=12288 } more ] ");
}

/* An object that ends in a page that is not there is shown as far as it is. */
static void missing_pages_are_told(void **state)
{
	struct fixture *fixture = *state;
	uint64_t end = MACHINE_DIRECT_MAP + MACHINE_RAM;
	char expression[64];

	snprintf(expression, sizeof(expression), "*(struct list_head *)%#" PRIx64, end - 8);
	assert_string_equal(walk(fixture, expression, &whole), "{ next=0 prev=unreadable } ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_lead_to_values, make, drop),
		cmocka_unit_test_setup_teardown(mistakes_are_told, make, drop),
		cmocka_unit_test_setup_teardown(long_tokens_are_refused, make, drop),
		cmocka_unit_test_setup_teardown(limits_are_kept, make, drop),
		cmocka_unit_test_setup_teardown(missing_pages_are_told, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
