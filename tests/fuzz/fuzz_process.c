// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Lists of processes, modules and records of a kernel that is damaged. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "system/dmesg.h"
#include "system/module.h"
#include "process/process.h"
#include "machine.h"
#include "patch.h"

#define TASKS 12

/*
 * Parts of the machine's RAM that are worth changing while the kernel is open: page tables, tasks,
 * their numbers, modules and the log, and the kernel's data. What is read at opening is for the
 * other targets.
 */
static const struct {
	size_t start, size;
} parts[] = {{0x100000, 0x8000}, {0xc01000, 0xb000}, {0x803000, 0x5000}, {0x810000, 0x1000}};

static struct machine *machine;
static struct hadal_kernel *kernel;

static void make_machine(void)
{
	libbpf_set_print(NULL);
	machine = machine_new(&(struct machine_options){.new_modules = true});
	for (int i = 0; i < TASKS; i++) {
		char name[16];
		uint64_t leader;

		snprintf(name, sizeof(name), "task%d", i);
		leader = machine_add_task(machine, i + 1, name, 0);
		if (i % 3 == 0)
			machine_add_task(machine, 100 + i, name, leader);
		machine_add_module(machine, name, 0xffffffffc0000000ull + i * 0x10000);
	}
	for (int i = 0; i < 10; i++)
		machine_log(machine, "a line of the log");
	kernel = machine_open(machine);
}

/* What the check waits for happens between two looks at a machine that runs. */
int nanosleep(const struct timespec *pause, struct timespec *left)
{
	(void)pause;
	(void)left;
	return 0;
}

static void see_record(void *ctx, const struct hadal_dmesg_record *record)
{
	(void)ctx;
	if (record->text[record->text_len])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct hadal_process_list processes;
	struct hadal_module_list modules;
	struct hadal_translation walk;
	struct patches patches;
	uint8_t buffer[9000];
	unsigned part;
	size_t lost;

	if (!machine)
		make_machine();
	if (len < 1)
		return 0;
	part = input[0] % (sizeof(parts) / sizeof(parts[0]));
	patches_apply(&patches, machine->ram + parts[part].start, parts[part].size, input + 1,
		      len - 1);
	if (!hadal_processes(kernel, input[0] & 0x80, &processes, NULL))
		hadal_processes_check(kernel, input[0] & 0x80, &processes, NULL);
	hadal_dmesg(kernel, see_record, NULL, &lost, NULL);
	hadal_modules(kernel, &modules, NULL);
	hadal_space_translate(hadal_kernel_space(kernel), machine->base + 0x1234, &walk);
	hadal_space_read(hadal_kernel_space(kernel), MACHINE_DIRECT_MAP + 0x1ff000, buffer,
			 sizeof(buffer));
	hadal_processes_free(&processes);
	hadal_modules_free(&modules);
	patches_undo(&patches);
	return 0;
}
