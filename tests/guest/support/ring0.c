// SPDX-License-Identifier: MIT
/* Hypercalls in ring 0, by hadal_test.ko. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "support/ring0.h"

static int device = -1;

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

int ring0_open(struct arena *arena)
{
	struct hadal_test_arena told;

	device = open("/dev/hadal_test", O_RDWR);
	if (device < 0)
		die("/dev/hadal_test");
	arena->bytes =
		mmap(NULL, HADAL_TEST_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, device, 0);
	if (arena->bytes == MAP_FAILED || ioctl(device, HADAL_TEST_ARENA, &told))
		die("memory of /dev/hadal_test");
	arena->physical = told.physical;
	arena->kernel_virtual = told.kernel_virtual;
	return device;
}

static bool execute(struct hadal_test_registers *registers, enum hadal_test_instruction instruction)
{
	struct hadal_test_call call = {.registers = *registers, .instruction = instruction};

	if (ioctl(device, HADAL_TEST_CALL, &call))
		die("/dev/hadal_test: call");
	*registers = call.registers;
	return !call.trapped;
}

bool ring0_execute(struct hadal_test_registers *registers)
{
	return execute(registers, HADAL_TEST_OWN);
}

bool ring0_execute_other(struct hadal_test_registers *registers)
{
	return execute(registers, HADAL_TEST_OTHER);
}

int64_t ring0_call(uint64_t number, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
		   uint64_t r9)
{
	struct hadal_test_registers registers = {
		.rax = HADAL_CALL_BASE + number,
		.rdi = rdi,
		.rsi = rsi,
		.rdx = rdx,
		.r8 = r8,
		.r9 = r9,
	};

	if (!ring0_execute(&registers)) {
		printf("hypercall %#lx raised #UD\n", (unsigned long)number);
		exit(1);
	}
	return registers.rax;
}

void pin_to_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}
