// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* What readers need of a kernel, opened at once. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "unit.h"
#include "walk/plan.h"

enum need {
	MODULES,
	PROBES,
	LOG,
	PARTS_HELP,
	NO_PARTS_HELP,
	MODULE,
	LIST,
	NAME,
	PARTS,
	PART_BASE,
	CORE_BASE,
	NOTHING,
	NUMBERS,
	TASK_STATE,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[MODULES] = {HADAL_SYMBOL("modules")},
	[PROBES] = {HADAL_SYMBOL("kprobe_table"), HADAL_OPTIONAL},
	[LOG] = {HADAL_SYMBOL("prb"), HADAL_OPTIONAL},
	[PARTS_HELP] = {HADAL_SYMBOL("runqueues"), HADAL_WITH(PARTS)},
	[NO_PARTS_HELP] = {HADAL_SYMBOL("nr_cpu_ids"), HADAL_WITHOUT(PARTS)},
	[MODULE] = {HADAL_OBJECT("module")},
	[LIST] = {HADAL_LIST_HEAD("module", "list")},
	[NAME] = {HADAL_MEMBER("module", "name")},
	[PARTS] = {HADAL_MEMBER("module", "mem"), HADAL_OPTIONAL},
	[PART_BASE] = {HADAL_MEMBER("module", "mem[0].base"), HADAL_WITH(PARTS)},
	[CORE_BASE] = {HADAL_MEMBER("module", "core_layout.base"), HADAL_WITHOUT(PARTS)},
	[NOTHING] = {HADAL_MEMBER("module", "nothing"), HADAL_OPTIONAL},
	[NUMBERS] = {HADAL_MEMBER("pid", "numbers")}, /* an array without a length */
	[TASK_STATE] = {HADAL_MEMBER("task_struct", "old_state", "state", "__state")},
};

static void check_plan(struct machine *machine, struct hadal_kernel *kernel, bool new)
{
	uint64_t address = machine_add_module(machine, "some", 0xffffffffc0100000ull);
	struct hadal_error error;
	struct hadal_plan plan;
	struct hadal_object *module;
	char name[64];

	if (hadal_plan_open(&plan, kernel, needs, NEEDS, &error))
		fail_msg("%s", error.text);
	assert_true(plan.symbols[MODULES] == machine->modules);
	assert_true(!plan.symbols[PARTS_HELP] == !new);
	assert_true(!plan.symbols[NO_PARTS_HELP] == new);
	assert_true(hadal_plan_has(&plan, MODULES));
	assert_false(hadal_plan_has(&plan, PROBES));
	assert_true(hadal_plan_has(&plan, LOG));
	assert_false(hadal_plan_has(&plan, NOTHING));
	assert_true(hadal_plan_has(&plan, PARTS) == new);
	assert_true(hadal_plan_has(&plan, PART_BASE) == new);
	assert_true(hadal_plan_has(&plan, CORE_BASE) == !new);
	assert_true(hadal_plan_has(&plan, NUMBERS));
	assert_int_equal(hadal_plan_offset(&plan, NUMBERS), offsetof(struct machine_pid, numbers));
	assert_int_equal(hadal_plan_offset(&plan, TASK_STATE),
			 offsetof(struct machine_task, state));
	assert_int_equal(hadal_plan_size(&plan, TASK_STATE), 4);

	/* The object has all members that this kernel has, and no more of the structure. */
	module = &plan.objects[MODULE];
	assert_int_equal(module->start, offsetof(struct machine_module, name));
	assert_int_equal(module->start + module->len,
			 new ? offsetof(struct machine_module, mem[3])
			     : offsetof(struct machine_module, core_layout.size));
	assert_int_equal(hadal_object_read(module, address), 0);
	assert_int_equal(hadal_object_string(module, NAME, name, sizeof(name)), 4);
	assert_string_equal(name, "some");
	assert_true(hadal_object_value(module, new ? PART_BASE : CORE_BASE) ==
		    0xffffffffc0100000ull);
	assert_int_equal(hadal_object_value(module, NOTHING), 0);
	assert_true(hadal_plan_read(&plan, new ? PART_BASE : CORE_BASE, address) ==
		    0xffffffffc0100000ull);
	assert_int_equal(hadal_plan_read(&plan, NOTHING, address), 0);
	hadal_plan_close(&plan);
}

static void both_versions_are_found(void **state)
{
	(void)state;
	for (int new = 0; new < 2; new ++) {
		struct machine *machine =
			machine_new(&(struct machine_options){.new_modules = new});

		check_plan(machine, machine_open(machine), new);
		machine_free(machine);
	}
}

/* What is missing and what has no length are told apart when facts are kept in a file, too. */
static void kept_facts_give_the_same(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	char directory[] = "/tmp/test_plan.XXXXXX", path[160];

	(void)state;
	assert_non_null(mkdtemp(directory));
	for (int i = 0; i < 2; i++) {
		struct hadal_kernel *kernel = hadal_kernel_open_cached(
			&machine->memory, &machine->traces, directory, NULL);

		assert_non_null(kernel);
		check_plan(machine, kernel, false);
		hadal_kernel_close(kernel);
	}
	snprintf(path, sizeof(path), "%s/" MACHINE_BUILD_ID, directory);
	unlink(path);
	assert_int_equal(rmdir(directory), 0);
	machine_free(machine);
}

static void what_is_missing_is_named(void **state)
{
	static const struct {
		struct hadal_need needs[3];
		const char *why;
	} plans[] = {
		{{{HADAL_SYMBOL("modules")}, {HADAL_SYMBOL("no_such")}},
		 "This kernel has no symbol no_such"},
		{{{HADAL_SYMBOL("not_this"), HADAL_OPTIONAL}, {HADAL_SYMBOL("no_such")}},
		 "This kernel has no symbol no_such"},
		{{{HADAL_MEMBER("module", "gone", "lost")}},
		 "This kernel's struct module has no member gone; its version is not one that "
		 "Hadal knows"},
		{{{HADAL_MEMBER("nothing", "list")}},
		 "This kernel's struct nothing has no member list; its version is not one that "
		 "Hadal knows"},
		{{{HADAL_MEMBER("module", "new"), HADAL_OPTIONAL},
		  {HADAL_MEMBER("module", "old"), HADAL_WITHOUT(0)}},
		 "This kernel's struct module has neither new nor old; its version is not one that "
		 "Hadal knows"},
		{{{HADAL_MEMBER("module", "list"), HADAL_OPTIONAL},
		  {HADAL_MEMBER("task_struct", "gone"), HADAL_WITH(0)}},
		 "This kernel's struct task_struct has no member gone; its version is not one that "
		 "Hadal knows"},
		{{{HADAL_LIST_HEAD("module", "state")}},
		 "This kernel's type information describes no sound struct module"},
		{{{HADAL_OBJECT("module")}, {HADAL_MEMBER("task_struct", "pid")}},
		 "This kernel's type information describes no sound struct module"},
	};
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_kernel *kernel = machine_open(machine);

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct hadal_error error = {0};
		struct hadal_plan plan;
		size_t count = 0;

		while (plans[i].needs[count].type || plans[i].needs[count].names[0])
			count++;
		assert_true(hadal_plan_open(&plan, kernel, plans[i].needs, count, &error) < 0);
		assert_string_equal(error.text, plans[i].why);
		hadal_plan_close(&plan);
	}
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_versions_are_found),
		cmocka_unit_test(kept_facts_give_the_same),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
