// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* The made-up kernel, found however it is mapped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms_builder.h"
#include "kernel/kernel.h"
#include "kernel/missing.h"
#include "machine.h"
#include "unit.h"

static void check_kernel(struct machine *machine, const struct hadal_traces *traces)
{
	struct hadal_error error = {0};
	struct hadal_kernel *kernel = hadal_kernel_open(&machine->memory, traces, &error);
	const struct hadal_kernel_info *info;
	struct hadal_lookup lookup = {.name = "init_task"};
	const struct hadal_types *types;

	if (!kernel)
		fail_msg("%s", error.text);
	info = hadal_kernel_info(kernel);
	assert_string_equal(info->banner, MACHINE_BANNER);
	assert_string_equal(info->release, "6.1.99-test");
	assert_string_equal(info->build_id, MACHINE_BUILD_ID);
	assert_true(info->where.base == machine->base);
	assert_true(info->where.physical == MACHINE_PHYSICAL);
	assert_true(info->slide == (int64_t)(machine->base - 0xffffffff81000000ull));
	assert_int_equal(info->where.levels, machine->options.levels);
	assert_true(info->where.root == MACHINE_PHYSICAL + 0x410000);
	assert_true(info->vmcoreinfo_agrees);
	assert_non_null(strstr(hadal_kernel_vmcoreinfo(kernel), "PAGESIZE=4096\n"));
	assert_int_equal(hadal_kernel_lookup(kernel, &lookup, 1, &error), 0);
	assert_true(lookup.address == machine->init_task);
	types = hadal_kernel_types(kernel, &error);
	assert_non_null(types);
	assert_int_equal(hadal_types_size(types, "task_struct"), sizeof(struct machine_task));
	hadal_kernel_close(kernel);
}

static void every_way_to_map_it_is_found(void **state)
{
	(void)state;
	for (unsigned levels = 4; levels <= 5; levels++) {
		const struct machine_options options[] = {
			{.levels = levels},
			{.levels = levels, .kpti = true},
			{.levels = levels, .odd_root = true},
			{.levels = levels, .base = 0xffffffff81000000ull},
			{.levels = levels, .base = 0xffffffffbf800000ull, .kpti = true},
			{.levels = levels, .given_away = true},
			{.levels = levels, .given_away = true, .kpti = true},
			{.levels = levels, .no_btf_symbols = true},
			{.levels = levels, .kallsyms_order = KALLSYMS_6_4},
			{.levels = levels, .kallsyms_order = KALLSYMS_7, .kpti = true},
		};

		for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
			struct machine *machine = machine_new(&options[i]);
			struct hadal_traces traces = machine->traces;

			check_kernel(machine, &traces);
			/* Only read-only data is read, not all of memory. */
			assert_true(machine->memory.bytes_read < (3u << 20));
			traces.lstar = 0;
			check_kernel(machine, &traces);
			traces.lstar = machine->traces.lstar;
			traces.idt_base = 0;
			check_kernel(machine, &traces);
			machine_free(machine);
		}
	}
}

static void rights_may_be_missing(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){.no_rodata = true});
	struct hadal_kernel *kernel = hadal_kernel_open(&machine->memory, &machine->traces, NULL);

	(void)state;
	/* Found by traces, and all of the image taken. */
	assert_non_null(kernel);
	assert_true(hadal_kernel_info(kernel)->where.rodata == machine->base);
	hadal_kernel_close(kernel);
	check_kernel(machine, &machine->traces);
	machine_free(machine);
}

static void memory_is_searched_without_traces(void **state)
{
	(void)state;
	for (unsigned levels = 4; levels <= 5; levels++) {
		struct machine *machine = machine_new(&(struct machine_options){
			.levels = levels, .kallsyms_order = levels == 4 ? KALLSYMS_7 : 0});
		struct hadal_traces wrong = {.cr3 = 0x1000, .lstar = 0xffffffff81000000ull};

		/* A copy in a log, and one with nothing behind it. */
		strcpy((char *)machine->ram + 0x1000, MACHINE_BANNER);
		strcpy((char *)machine->ram + 0x2ffff0, MACHINE_BANNER "\n");
		check_kernel(machine, NULL);
		check_kernel(machine, &wrong);
		machine_free(machine);
	}
}

static void banners_in_logs_are_passed_over(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	uint64_t pa = 0;

	(void)state;
	strcpy((char *)machine->ram + 0x1000, MACHINE_BANNER);
	/* Across the chunks that memory is read in. */
	strcpy((char *)machine->ram + 0x2ffff0, MACHINE_BANNER "\n");
	assert_int_equal(hadal_find_banner(&machine->memory, &pa), 0);
	assert_true(pa == 0x2ffff0);
	pa++;
	assert_int_equal(hadal_find_banner(&machine->memory, &pa), 0);
	assert_true(pa == MACHINE_PHYSICAL + 0x200140);
	pa++;
	assert_int_equal(hadal_find_banner(&machine->memory, &pa), -ENOENT);
	machine_free(machine);
}

static void what_an_image_lacks_is_told(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_error error = {0};
	struct hadal_kernel *kernel = hadal_kernel_open(&machine->memory, &machine->traces, &error);
	uint8_t byte;

	(void)state;
	assert_non_null(kernel);
	machine->memory.is_image = true;
	assert_int_equal(hadal_kernel_missing(kernel, &error), 0);
	assert_int_equal(hadal_memory_read(&machine->memory, MACHINE_RAM + 0x5000, &byte, 1),
			 -EFAULT);
	assert_int_equal(hadal_memory_read(&machine->memory, MACHINE_RAM + 0x3000, &byte, 1),
			 -EFAULT);
	assert_int_equal(hadal_kernel_missing(kernel, &error), -ENODATA);
	assert_non_null(strstr(error.text, "Physical memory 0x1003000 to 0x1005000 is not in"));
	/* A running machine has all its memory: there it was never RAM. */
	machine->memory.is_image = false;
	assert_int_equal(hadal_kernel_missing(kernel, &error), 0);
	hadal_kernel_close(kernel);
	machine_free(machine);
}

static void memory_without_a_kernel_is_refused(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_traces traces = machine->traces;
	struct hadal_error error = {0};

	(void)state;
	memset(machine->ram, 0, MACHINE_RAM);
	assert_null(hadal_kernel_open(&machine->memory, &traces, &error));
	assert_non_null(strstr(error.text, "No Linux kernel was found"));
	machine_free(machine);
}

static void disagreeing_crash_information_is_told(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	char *line = strstr((char *)machine->ram + MACHINE_PHYSICAL + 0x420040, "KERNELOFFSET=");
	struct hadal_kernel *kernel;

	(void)state;
	line[13] ^= 1;
	kernel = hadal_kernel_open(&machine->memory, &machine->traces, NULL);
	assert_non_null(kernel);
	assert_false(hadal_kernel_info(kernel)->vmcoreinfo_agrees);
	hadal_kernel_close(kernel);
	machine_free(machine);
}

static void lookups_name_what_is_missing(void **state)
{
	struct machine *machine = machine_new(&(struct machine_options){0});
	struct hadal_kernel *kernel = hadal_kernel_open(&machine->memory, &machine->traces, NULL);
	struct hadal_lookup lookups[] = {{.name = "modules"}, {.name = "nothing"}};
	struct hadal_error error;

	(void)state;
	assert_int_equal(hadal_kernel_lookup(kernel, lookups, 2, &error), -ENOENT);
	assert_non_null(strstr(error.text, "nothing"));
	assert_true(lookups[0].address == machine->modules);
	hadal_kernel_close(kernel);
	machine_free(machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_map_it_is_found),
		cmocka_unit_test(rights_may_be_missing),
		cmocka_unit_test(memory_is_searched_without_traces),
		cmocka_unit_test(banners_in_logs_are_passed_over),
		cmocka_unit_test(what_an_image_lacks_is_told),
		cmocka_unit_test(memory_without_a_kernel_is_refused),
		cmocka_unit_test(disagreeing_crash_information_is_told),
		cmocka_unit_test(lookups_name_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
