// SPDX-License-Identifier: MIT
/* The example extensions, on each CPU. Wants an image with them. */
#include <cpuid.h>
#include <string.h>

#include "ext/cpuid_count/cpuid_count.h"
#include "ext/hello/hello.h"
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

int main(void)
{
	struct arena arena;

	setvbuf(stdout, NULL, _IONBF, 0);
	ring0_open(&arena);
	cpuid_count();
	cpuid_is_answered();
	hello();
	not_answered();
	return 0;
}
