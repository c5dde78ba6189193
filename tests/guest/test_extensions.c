// SPDX-License-Identifier: MIT
/* The example extensions, on each CPU. Wants an image with them. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ext/cpuid_count/cpuid_count.h"
#include "ext/hello/hello.h"
#include "ext/single_step/single_step.h"
#include "support/check.h"
#include "support/ring0.h"
#include "support/ring3.h"

/* Leaves that nobody else asks for while the test runs. */
static const uint32_t leaves[] = {3, 5, 9, 10, 20, 31};
#define LEAVES (sizeof(leaves) / sizeof(leaves[0]))

static uint64_t count_of(unsigned int cpu, uint32_t leaf)
{
	pin_to_cpu(cpu);
	return ring0_call(CPUID_COUNT_CALL, leaf, 0, 0, 0, 0);
}

static void execute_cpuid(unsigned int cpu, uint32_t leaf, unsigned int times)
{
	uint32_t a, b, c, d;

	pin_to_cpu(cpu);
	while (times--)
		__cpuid_count(leaf, 0, a, b, c, d);
}

static void cpuid_count(void)
{
	static const unsigned int rounds[] = {1, 7, 250};
	uint64_t counts[2][LEAVES];

	for (int cpu = 0; cpu < 2; cpu++)
		for (size_t i = 0; i < LEAVES; i++)
			counts[cpu][i] = count_of(cpu, leaves[i]);
	for (size_t round = 0; round < sizeof(rounds) / sizeof(rounds[0]); round++)
		for (int cpu = 0; cpu < 2; cpu++)
			for (size_t i = 0; i < LEAVES; i++) {
				execute_cpuid(cpu, leaves[i], rounds[round] + i);
				counts[cpu][i] += rounds[round] + i;
				for (size_t j = 0; j < LEAVES; j++) {
					EQUAL(count_of(cpu, leaves[j]), counts[cpu][j]);
					EQUAL(count_of(!cpu, leaves[j]), counts[!cpu][j]);
				}
			}
}

static void cpuid_is_answered(void)
{
	uint32_t a, b, c, d;
	char name[13] = "";

	__cpuid(0, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &d, 4);
	memcpy(name + 8, &c, 4);
	CHECK(a >= 7);
	CHECK(!strcmp(name, "GenuineIntel") || !strcmp(name, "AuthenticAMD"));
}

static void hello(void)
{
	struct hadal_test_registers before, after;
	uint64_t asked;

	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		pin_to_cpu(cpu);
		for (int i = 0; i < 15; i++)
			(&before.rax)[i] = 0x0123456789abcdefull * (i + 3);
		before.rax = HADAL_CALL_BASE + HELLO_CALL;
		after = before;
		CHECK(ring0_execute(&after));
		EQUAL(after.rax, before.rdi + 1);
		asked = after.rsi;
		for (unsigned int i = 1; i < 20; i++) {
			before.rdi = (uint64_t)-10 + i;
			after = before;
			CHECK(ring0_execute(&after));
			EQUAL(after.rax, before.rdi + 1);
			EQUAL(after.rsi, asked + i);
			before.rsi = after.rsi;
			after.rax = before.rax;
			CHECK(!memcmp(&before, &after, sizeof(before)));
		}
	}
}

/* What no extension answers, and from where none does. */
static void not_answered(void)
{
	static const uint64_t numbers[] = {HADAL_CALL_EXTENSION + 0x80, HADAL_CALL_EXTENSION_LAST,
					   HADAL_CALL_EXTENSION - 1, HADAL_CALL_COUNT};
	static const uint64_t answered[] = {CPUID_COUNT_CALL, HELLO_CALL};
	struct hadal_test_registers before = {.rdi = 1}, after;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		before.rax = HADAL_CALL_BASE + numbers[i];
		after = before;
		CHECK(!ring0_execute(&after));
		CHECK(!memcmp(&before, &after, sizeof(before)));
	}
	for (int i = 0; i < 4; i++)
		CHECK(ring3_is_illegal(HADAL_CALL_BASE + answered[i / 2], i % 2));
}

#define VMX_PRIMARY_CONTROLS 0x482 /* what they may be is in the upper half */
#define MONITOR_TRAP_FLAG    (1ull << 27 << 32)

static bool has_single_steps(int module)
{
	struct hadal_test_act act = {
		.action = HADAL_TEST_RDMSR, .count = 1, .number = VMX_PRIMARY_CONTROLS};
	uint32_t a, b, c, d;

	__cpuid(0, a, b, c, d);
	if (b != signature_INTEL_ebx)
		return false;
	EQUAL(ioctl(module, HADAL_TEST_ACT, &act), 0);
	return act.value & MONITOR_TRAP_FLAG;
}

/* PUSH, a JMP over another PUSH, PUSH, two MOVs: what follows the hypercall in module/execute.S. */
static bool steps_are_right(void)
{
	static const int64_t places[] = {2, 6, 7, 12, 15};
	const size_t steps = sizeof(places) / sizeof(places[0]);
	bool right = true;

	EQUAL(ring0_call(STEP_CALL, steps, 0, 0, 0, 0), 0);
	for (size_t i = 0; i < steps; i++)
		right &= ring0_call(STEP_PLACE_CALL, i, 0, 0, 0, 0) == places[i];
	EQUAL(ring0_call(STEP_PLACE_CALL, steps, 0, 0, 0, 0), -ENOENT);
	return right;
}

/* An interrupt may come in between, and is stepped through. */
static void single_steps(int module)
{
	if (!has_single_steps(module)) {
		EQUAL(ring0_call(STEP_CALL, 1, 0, 0, 0, 0), -EOPNOTSUPP);
		return;
	}
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		bool right = false;

		pin_to_cpu(cpu);
		for (int i = 0; i < 10 && !right; i++)
			right = steps_are_right();
		CHECK(right);
	}
}

int main(void)
{
	struct arena arena;
	int module;

	setvbuf(stdout, NULL, _IONBF, 0);
	module = ring0_open(&arena);
	cpuid_count();
	cpuid_is_answered();
	hello();
	not_answered();
	single_steps(module);
	return 0;
}
