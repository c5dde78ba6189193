// SPDX-License-Identifier: MIT
/*
 * The requests of LibVMI's Bareflank driver, from ring 3 and back: run it with hadal exec. "new" is
 * a page that has not been mapped before. With the argument "others", what one costs on CPU 0 while
 * CPU 1 idles, and while it runs a program; with "idle", while all others idle.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define PAGE    4096ull
#define COUNT   100
#define CALL(n) (0xbf05000000000000ull + (n))
enum { GET_REGISTERS = 2, V2P = 4, MAP = 5 };

static uint64_t request(uint64_t number, uint64_t *rdi, uint64_t rsi)
{
	uint64_t status = CALL(number);

	__asm__ volatile("vmcall" : "+a"(status), "+D"(*rdi) : "S"(rsi), "d"(0ull) : "memory");
	return status;
}

static void check(uint64_t status)
{
	if (!status)
		return;
	printf("a request failed\n");
	exit(1);
}

static uint64_t physical_of(const void *page)
{
	uint64_t rdi = (uintptr_t)page;

	check(request(V2P, &rdi, 0));
	return rdi;
}

static void map(const void *page, uint64_t physical)
{
	uint64_t rdi = (uintptr_t)page;

	check(request(MAP, &rdi, physical));
}

static uint8_t *pages(size_t count)
{
	uint8_t *at = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (at == MAP_FAILED)
		exit(1);
	memset(at, 1, count * PAGE);
	return at;
}

static uint64_t ticks[COUNT];

static void bench_registers(void)
{
	uint8_t *buffer = pages(2);

	for (int i = 0; i < COUNT; i++) {
		uint64_t rdi = (uintptr_t)buffer + 2000, start = ticks_now();

		check(request(GET_REGISTERS, &rdi, PAGE));
		ticks[i] = ticks_now() - start;
	}
	samples_print("libvmi_registers", ticks, COUNT);
}

static void bench_v2p(void)
{
	const uint8_t *page = pages(1);

	physical_of(page);
	for (int i = 0; i < COUNT; i++) {
		uint64_t start = ticks_now();

		physical_of(page);
		ticks[i] = ticks_now() - start;
	}
	samples_print("libvmi_v2p", ticks, COUNT);
}

static void take_map_known(void)
{
	const uint8_t *page = pages(1), *target = pages(1);
	uint64_t own = physical_of(page), other = physical_of(target);

	for (int i = 0; i < COUNT; i++) {
		uint64_t start = ticks_now();

		map(page, other);
		map(page, own);
		ticks[i] = ticks_now() - start;
	}
}

static void bench_map_known(void)
{
	take_map_known();
	samples_print("libvmi_map_known", ticks, COUNT);
}

/* As the driver does it: translate, map, restore; the last two are also told by themselves. */
static void bench_map_new(void)
{
	const uint8_t *page = pages(COUNT), *target = pages(1);
	uint64_t other = physical_of(target), map_ticks[COUNT];

	for (int i = 0; i < COUNT; i++) {
		uint64_t start = ticks_now(), own, translated, end;

		own = physical_of(page + i * PAGE);
		translated = ticks_now();
		map(page + i * PAGE, other);
		map(page + i * PAGE, own);
		end = ticks_now();
		ticks[i] = end - start;
		map_ticks[i] = end - translated;
	}
	samples_print("libvmi_map_new", map_ticks, COUNT);
	samples_print("libvmi_all_new", ticks, COUNT);
}

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		printf("there is no CPU %d\n", cpu);
		exit(1);
	}
}

/* Counts in ring 3; returns when it does. */
static pid_t start_spinning(int cpu, volatile uint64_t *count)
{
	pid_t child = fork();

	if (!child) {
		run_on(cpu);
		for (;;)
			++*count;
	}
	while (!*count)
		usleep(1000);
	return child;
}

static void bench_busy(void)
{
	volatile uint64_t *count =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = start_spinning(1, count);
	uint64_t counted = *count;

	take_map_known();
	counted = *count - counted;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (counted < COUNT) {
		printf("CPU 1 was not busy meanwhile\n");
		exit(1);
	}
	samples_print_median("libvmi_map_busy", ticks, COUNT);
}

static void set_online(const char *value)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, value, 1) == 1) {
		close(fd);
		return;
	}
	printf("CPU 1 cannot go offline or come back\n");
	exit(1);
}

static void bench_others(void)
{
	run_on(0);
	set_online("0");
	take_map_known();
	samples_print_median("libvmi_map_alone", ticks, COUNT);
	set_online("1");
	take_map_known();
	samples_print_median("libvmi_map_idle", ticks, COUNT);
	bench_busy();
}

static void bench_idle(void)
{
	run_on(0);
	take_map_known();
	samples_print_median("libvmi_map_idle", ticks, COUNT);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "others")) {
		bench_others();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "idle")) {
		bench_idle();
		return 0;
	}
	bench_registers();
	bench_v2p();
	bench_map_known();
	bench_map_new();
	return 0;
}
