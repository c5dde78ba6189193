// SPDX-License-Identifier: MIT
/*
 * test_same_user CPU [few]: what ring 3 sees of the processor, as text that is the same each time
 * on the same CPU: some thousand instructions in 64- and 32-bit code, plain and under TF, and all
 * leaves of CPUID in both. Run it before, under and after Hadal, and compare. few: for slow
 * emulators, only what a hypervisor could show: CPUID, ports, and the group that its instructions
 * are in.
 */
#include <cpuid.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/personality.h>
#include <unistd.h>

#include "support/probe.h"

#define SUBLEAVES  4
#define POST_PORT  0x80 /* takes anything */
#define OPCODE_OUT 0xee
#define OPCODE_CLI 0xfa

static const unsigned modes[] = {PROBE_64, PROBE_32};

/* Once plain and once under TF, in both kinds of code. */
static void run_everywhere(struct probe *probe)
{
	for (unsigned i = 0; i < 4; i++) {
		probe->mode = modes[i / 2];
		probe->trap = i % 2;
		probe_run(probe);
	}
}

/* Hypercalls, and what else may exit, with prefixes that change nothing or the length. */
static void run_prefixed(void)
{
	static const struct {
		const char *name;
		uint8_t code[3];
		uint8_t bytes;
	} base[] = {
		{"cpuid", {0x0f, 0xa2}, 2},         {"vmcall", {0x0f, 0x01, 0xc1}, 3},
		{"vmmcall", {0x0f, 0x01, 0xd9}, 3}, {"vmrun", {0x0f, 0x01, 0xd8}, 3},
		{"invlpga", {0x0f, 0x01, 0xdf}, 3}, {"xsetbv", {0x0f, 0x01, 0xd1}, 3},
		{"rdmsr", {0x0f, 0x32}, 2},         {"wrmsr", {0x0f, 0x30}, 2},
		{"invd", {0x0f, 0x08}, 2},          {"hlt", {0xf4}, 1},
		{"pause", {0xf3, 0x90}, 2},         {"in", {0xec}, 1},
	};
	static const uint8_t prefix[] = {0x26, 0x2e, 0x64, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48};

	for (unsigned i = 0; i < sizeof(base) / sizeof(base[0]); i++)
		for (unsigned p = 0; p <= sizeof(prefix); p++) {
			struct probe probe = {.rax = 1};
			char name[32];

			if (p < sizeof(prefix))
				probe.code[probe.bytes++] = prefix[p];
			memcpy(probe.code + probe.bytes, base[i].code, base[i].bytes);
			probe.bytes += base[i].bytes;
			snprintf(name, sizeof(name), "%s with %02x", base[i].name,
				 p < sizeof(prefix) ? prefix[p] : 0);
			probe.name = name;
			run_everywhere(&probe);
		}
}

/*
 * The kernel goes on in its 32-bit vDSO after SYSENTER, and after SYSCALL in 32-bit code, which
 * this process lacks; loads of FS and GS lose the program's own data.
 */
static bool is_left_out(uint8_t opcode)
{
	static const uint8_t left_out[] = {0x05, 0x34, 0xa1, 0xa9, 0xb4, 0xb5};

	return memchr(left_out, opcode, sizeof(left_out));
}

static bool is_volatile(uint8_t opcode)
{
	return opcode == 0x31 || opcode == 0x33; /* RDTSC, RDPMC */
}

/* Every opcode of one and two bytes, with a memory operand where it takes one. */
static void run_opcodes(void)
{
	char name[32];

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		struct probe one = {.name = name, .code = {opcode, 0x03}, .bytes = 2};
		struct probe two = {.name = name,
				    .code = {0x0f, opcode, 0x03},
				    .bytes = 3,
				    .is_volatile = is_volatile(opcode)};

		/* Far returns: QEMU reads their stack as ring 0, which SMAP forbids. */
		snprintf(name, sizeof(name), "opcode %02x", opcode);
		if (opcode != 0xca && opcode != 0xcb && opcode != 0xcf)
			run_everywhere(&one);
		if (is_left_out(opcode))
			continue;
		snprintf(name, sizeof(name), "opcode 0f %02x", opcode);
		run_everywhere(&two);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct probe syscall = {.name = "syscall", .code = {0x0f, 0x05}, .bytes = 2};

		syscall.mode = PROBE_64;
		syscall.trap = i;
		probe_run(&syscall);
	}
}

/* The groups that system instructions are in, by all that their second byte may be. */
static void run_group(uint8_t opcode, unsigned first)
{
	for (unsigned modrm = first; modrm < 256; modrm++) {
		struct probe probe = {.code = {0x0f, opcode, modrm}, .bytes = 3};
		bool memory = modrm < 0xc0;
		char name[32];

		if (memory && (modrm & 7) != 3) /* of memory operands [RBX] only */
			continue;
		if (opcode == 0x01 && (modrm == 0xef || modrm == 0xfb)) /* WRPKRU, MWAITX */
			continue;
		if (opcode == 0xc7 && (modrm & 0xf7) == 0xf4) /* a random stack pointer */
			continue;
		probe.is_volatile = (opcode == 0x01 && (modrm == 0xf9 || modrm == 0xfd)) ||
				    (opcode == 0xc7 && modrm >= 0xf0);
		probe.shows_scratch = opcode != 0xae && memory;
		snprintf(name, sizeof(name), "opcode 0f %02x %02x", opcode, modrm);
		probe.name = name;
		run_everywhere(&probe);
	}
}

static void run_interrupts(void)
{
	for (unsigned vector = 0; vector < 256; vector++)
		for (unsigned i = 0; i < 2; i++) {
			struct probe probe = {.code = {0xcd, vector}, .bytes = 2, .mode = modes[i]};
			char name[32];

			snprintf(name, sizeof(name), "int %02x", vector);
			probe.name = name;
			probe_run(&probe);
		}
}

static void run_leaf(uint32_t leaf, uint32_t subleaf)
{
	struct probe probe = {.code = {0x0f, 0xa2}, .bytes = 2, .rax = leaf, .rcx = subleaf};
	char name[32];

	/* A probe's RAX of 0 stands for an address: here leaf 0 has its own instruction. */
	if (!leaf) {
		memcpy(probe.code, "\x31\xc0\x0f\xa2", 4);
		probe.bytes = 4;
	}
	snprintf(name, sizeof(name), "cpuid %08x %x", leaf, subleaf);
	probe.name = name;
	for (unsigned i = 0; i < 2; i++) {
		probe.mode = modes[i];
		probe_run(&probe);
	}
}

static void run_leaves(uint32_t first, uint32_t last)
{
	for (uint32_t leaf = first; leaf <= last; leaf++)
		for (uint32_t subleaf = 0; subleaf < SUBLEAVES; subleaf++)
			run_leaf(leaf, subleaf);
}

static void run_port(const char *name, uint8_t opcode, uint16_t port)
{
	struct probe probe = {.name = name, .code = {opcode}, .bytes = 1, .rdx = port};

	run_everywhere(&probe);
}

static void expect(int result, const char *what)
{
	if (result)
		perror(what);
}

/* Whatever of the I/O ports Linux lets a program have. */
static void run_ports(void)
{
	run_port("out without leave", OPCODE_OUT, POST_PORT);
	expect(ioperm(POST_PORT, 1, 1), "ioperm");
	run_port("out after ioperm", OPCODE_OUT, POST_PORT);
	run_port("out beside ioperm", OPCODE_OUT, POST_PORT + 1);
	expect(ioperm(POST_PORT, 1, 0), "ioperm");
	run_port("out after ioperm is over", OPCODE_OUT, POST_PORT);
	expect(iopl(3), "iopl");
	run_port("out after iopl", OPCODE_OUT, POST_PORT);
	run_port("cli after iopl", OPCODE_CLI, 0);
	expect(iopl(0), "iopl");
	run_port("out after iopl is over", OPCODE_OUT, POST_PORT);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
}

int main(int count, char **arguments)
{
	int cpu = count > 1 ? atoi(arguments[1]) : 0;
	bool is_few = count > 2 && !strcmp(arguments[2], "few");

	/* The same addresses each time. */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE)) {
		personality(ADDR_NO_RANDOMIZE);
		execv("/proc/self/exe", arguments);
	}
	pin(cpu);
	setvbuf(stdout, NULL, _IOLBF, 0);
	probe_open();
	run_leaves(0, __get_cpuid_max(0, NULL) + 1);
	run_leaves(0x40000000, 0x40000003);
	run_leaves(0x80000000, __get_cpuid_max(0x80000000, NULL) + 1);
	run_ports();
	if (!cpu || !is_few)
		run_group(0x01, 0);
	if (cpu || is_few)
		return 0; /* one CPU is as good as another for the rest */
	run_group(0x00, 0);
	run_group(0xc7, 0);
	run_group(0xae, 0);
	run_prefixed();
	run_opcodes();
	run_interrupts();
	return 0;
}
