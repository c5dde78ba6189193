// SPDX-License-Identifier: MIT
/*
 * Every kind of event that exits of instructions make is told exactly as often as the guest did the
 * thing, with the right values. In a guest as root, with Hadal started and /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "support/check.h"
#include "support/reader.h"
#include "support/ring0.h"

#define RING_BYTES (1u << 18)
#define TIMES      1000u
#define PORT       0xe0u
#define LEAF       0x40005678u
#define CR0_AM     (1u << 18)
#define CR4_TSD    (1u << 2)

static struct reader reader;

static void check_msr(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, MSR_CSTAR, 1);
	int number = reader_subscribe(&reader, &asked);
	uint64_t value = have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);

	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.kind, HADAL_EVENT_MSR);
	EQUAL(reader.last.access, HADAL_ACCESS_READ);
	EQUAL(reader.last.number, MSR_CSTAR);
	EQUAL(reader.last.new_value, value);
	EQUAL(reader.last.cpl, 0);
	have_done(reader.device, HADAL_TEST_WRMSR, MSR_CSTAR, value, TIMES);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.access, HADAL_ACCESS_WRITE);
	EQUAL(reader.last.new_value, value);
	EQUAL(reader.last.flags, 0);
	EQUAL(reader_end(&reader, number).hits, 2 * TIMES);
	/* Nobody listens any more. */
	EQUAL(have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1), value);
	EQUAL(reader_read(&reader, 0), 0);
}

static void check_cr(unsigned int cr, enum hadal_test_action action, uint64_t bits, uint32_t writes)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_CR, HADAL_ACCESS_WRITE, 1u << cr, 0);
	int number = reader_subscribe(&reader, &asked);
	uint64_t value = have_done(reader.device, action, 0, bits, TIMES);

	EQUAL(reader_read(&reader, number), TIMES * writes);
	EQUAL(reader.last.number, cr);
	EQUAL(reader.last.old_value ^ reader.last.new_value, bits);
	if (cr == 3)
		EQUAL(reader.last.new_value & ~0xfffull, value & ~0xfffull);
	reader_end(&reader, number);
	have_done(reader.device, action, 0, bits, 1);
	EQUAL(reader_read(&reader, 0), 0);
}

static void check_cpuid(void)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_CPUID,
		.access = HADAL_ACCESS_EXECUTE,
		.first = LEAF,
		.count = 1,
		.capture = HADAL_CAPTURE_CODE,
	};
	uint32_t a = 0, b = 0, c = 0, d = 0;
	int number = reader_subscribe(&reader, &asked);

	for (unsigned int i = 0; i < TIMES; i++)
		__cpuid_count(LEAF, i, a, b, c, d);
	__cpuid_count(LEAF + 1, 0, c, c, c, c);
	__cpuid_count(LEAF, TIMES - 1, a, b, c, d);
	EQUAL(reader_read(&reader, number), TIMES + 1);
	EQUAL(reader.last.number, LEAF);
	EQUAL(reader.last.physical, TIMES - 1);
	EQUAL(reader.last.old_value, a | (uint64_t)b << 32);
	EQUAL(reader.last.new_value, c | (uint64_t)d << 32);
	EQUAL(reader.last.cpl, 3);
	EQUAL(reader.last.bytes, sizeof(reader.last) + 16);
	EQUAL(reader_end(&reader, number).hits, TIMES + 1);
}

static void check_ports(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_IO, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, PORT + 2, 1);
	int number = reader_subscribe(&reader, &asked);

	have_done(reader.device, HADAL_TEST_OUT, PORT, 0x12345678, TIMES);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.number, PORT);
	EQUAL(reader.last.physical, 4);
	EQUAL(reader.last.access, HADAL_ACCESS_WRITE);
	EQUAL(reader.last.new_value, 0x12345678);
	EQUAL(have_done(reader.device, HADAL_TEST_IN, PORT, 0, TIMES),
	      reader.last.new_value | 0xffffffff);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.access, HADAL_ACCESS_READ);
	EQUAL(reader.last.new_value, 0xffffffff);
	have_done(reader.device, HADAL_TEST_OUT, PORT + 3, 1, TIMES);
	EQUAL(reader_read(&reader, number), 0);
	reader_end(&reader, number);
}

static volatile unsigned int signals;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	signals++;
	if (signal == SIGILL)
		uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static bool is_intel(void)
{
	uint32_t a, b, c, d;

	__cpuid(0, a, b, c, d);
	return b == signature_INTEL_ebx;
}

extern char after_int3[];

/* INT3, INT 3 and UD2 from ring 3: told, and the program gets what it always gets. */
static void check_exceptions(void)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_EXCEPTION,
		.access = HADAL_ACCESS_EXECUTE,
		.first = 3,
		.count = 4,
		.clause_count = 1,
		.clause = {{.value = HADAL_FILTER_CPL, .mask = 3, .operand = 3}},
	};
	int number = reader_subscribe(&reader, &asked);

	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	for (unsigned int i = 0; i < TIMES; i++)
		__asm__ volatile("int3\n.globl after_int3\nafter_int3:" ::: "memory");
	EQUAL(signals, TIMES);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.number, 3);
	EQUAL(reader.last.rip, (uintptr_t)after_int3 - 1);
	signals = 0;
	__asm__ volatile(".byte 0xcd, 3" ::: "memory");
	EQUAL(signals, 1);
	EQUAL(reader_read(&reader, number), is_intel() ? 0 : 1); /* VT-x lets INT n pass */
	signals = 0;
	for (unsigned int i = 0; i < TIMES; i++)
		__asm__ volatile("ud2" ::: "memory");
	EQUAL(signals, TIMES);
	EQUAL(reader_read(&reader, number), TIMES);
	EQUAL(reader.last.number, 6);
	/* The system call by INT 0x80 is none of these. */
	{
		long pid = 20; /* getpid of 32-bit programs */

		__asm__ volatile("int $0x80" : "+a"(pid)::"memory", "r8", "r9", "r10", "r11");
		CHECK(pid == getpid() || pid == -ENOSYS);
	}
	EQUAL(reader_read(&reader, number), 0);
	reader_end(&reader, number);
}

static void check_requests(void)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_REQUEST,
		.access = HADAL_ACCESS_EXECUTE,
		.first = 7,
		.count = 1,
	};
	int number;

	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 7, 8, 9, 0, 0), 0);
	number = reader_subscribe(&reader, &asked);
	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 7, 8, 9, 0, 0), 1);
	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 8, 8, 9, 0, 0), 0);
	EQUAL(reader_read(&reader, number), 1);
	EQUAL(reader.last.number, 7);
	EQUAL(reader.last.address, 8);
	EQUAL(reader.last.physical, 9);
	reader_end(&reader, number);
}

static void check_tables(void)
{
	for (uint64_t table = HADAL_GDTR; table <= HADAL_TR; table++) {
		struct hadal_subscription asked =
			to_marked(HADAL_EVENT_DESCRIPTOR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
				  1u << table, 0);
		int number = reader_subscribe(&reader, &asked);
		uint64_t value = have_done(reader.device, HADAL_TEST_STORE_TABLE, table, 0, TIMES);

		EQUAL(reader_read(&reader, number), TIMES);
		EQUAL(reader.last.number, table);
		EQUAL(reader.last.access, HADAL_ACCESS_READ);
		EQUAL(reader.last.old_value, value);
		EQUAL(reader.last.flags, 0);
		if (table != HADAL_TR) {
			have_done(reader.device, HADAL_TEST_LOAD_TABLE, table, 0, TIMES);
			EQUAL(reader_read(&reader, number), TIMES);
			EQUAL(reader.last.access, HADAL_ACCESS_WRITE);
			EQUAL(reader.last.new_value, value);
		}
		EQUAL(have_done(reader.device, HADAL_TEST_STORE_TABLE, (table + 1) % 4, 0, 1) !=
			      0x123,
		      1);
		EQUAL(reader_read(&reader, 0), 0);
		reader_end(&reader, number);
		EQUAL(have_done(reader.device, HADAL_TEST_STORE_TABLE, table, 0, 1), value);
	}
}

int main(void)
{
	reader_open(&reader, RING_BYTES);
	check_msr();
	check_cr(3, HADAL_TEST_CR3, 0, 1);
	check_cr(0, HADAL_TEST_CR0, CR0_AM, 2);
	check_cr(4, HADAL_TEST_CR4, CR4_TSD, 2);
	check_cpuid();
	check_ports();
	check_exceptions();
	check_requests();
	check_tables();
	hadal_events_close(reader.events);
	return 0;
}
