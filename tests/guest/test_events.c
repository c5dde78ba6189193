// SPDX-License-Identifier: MIT
/*
 * Every kind of event is told exactly as often as the guest did the thing, with the right values;
 * what cannot be asked for is refused; all goes when the reader goes. In a guest as root, with
 * Hadal started and /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "events/events.h"
#include "module/hadal_test.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

#define RING_BYTES (1u << 18)
#define TIMES      1000u
#define MSR_CSTAR  0xc0000083u
#define PORT       0xe0u
#define LEAF       0x40005678u
#define CR0_AM     (1u << 18)
#define CR4_TSD    (1u << 2)

static struct hadal_events *events;
static struct hadal_error error;
static struct arena arena;
static int device;

static uint64_t act(enum hadal_test_action action, uint64_t number, uint64_t value, uint32_t count)
{
	struct hadal_test_act request = {action, count, number, value};

	CHECK(!ioctl(device, HADAL_TEST_ACT, &request));
	return request.value;
}

static int subscribe(const struct hadal_subscription *asked)
{
	int number = hadal_events_subscribe(events, asked, &error);

	if (number < 0) {
		printf("subscribe kind %u: %s\n", asked->kind, error.text);
		exit(1);
	}
	return number;
}

/* A subscription to what the test module does. */
static struct hadal_subscription marked(enum hadal_event_kind kind, uint32_t access, uint64_t first,
					uint64_t count)
{
	struct hadal_subscription asked = {
		.kind = kind,
		.access = access,
		.first = first,
		.count = count,
		.cookie = 0x1234,
		.clause_count = 1,
	};

	asked.clause[0] = (struct hadal_clause){
		.value = HADAL_FILTER_REGISTER,
		.index = HADAL_REG_RAX + 3, /* RBX */
		.mask = ~0ull,
		.operand = HADAL_TEST_MARK,
	};
	return asked;
}

static struct hadal_event last;

/* Reads all that there is of a subscription; the last one is kept. */
static unsigned int read_all(int number)
{
	const struct hadal_event *event;
	unsigned int count = 0;
	uint64_t time = 0;

	while ((event = hadal_events_next(events))) {
		CHECK(event->bytes >= sizeof(*event) && event->bytes % 8 == 0);
		EQUAL(event->subscription, number);
		EQUAL(event->cookie, 0x1234);
		CHECK(event->time >= time);
		time = event->time;
		last = *event;
		count++;
	}
	return count;
}

/* Ends the subscription and tells what it counted. */
static struct hadal_subscription_state end(int number)
{
	struct hadal_subscription_state state;

	CHECK(!hadal_events_state(events, number, &state, &error));
	CHECK(!hadal_events_unsubscribe(events, number, &error));
	EQUAL(hadal_events_unsubscribe(events, number, &error), -ENOENT);
	EQUAL(hadal_events_state(events, number, &state, &error), -ENOENT);
	EQUAL(state.lost, 0);
	return state;
}

static void check_msr(void)
{
	struct hadal_subscription asked =
		marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, MSR_CSTAR, 1);
	int number = subscribe(&asked);
	uint64_t value = act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);

	EQUAL(read_all(number), TIMES);
	EQUAL(last.kind, HADAL_EVENT_MSR);
	EQUAL(last.access, HADAL_ACCESS_READ);
	EQUAL(last.number, MSR_CSTAR);
	EQUAL(last.new_value, value);
	EQUAL(last.cpl, 0);
	act(HADAL_TEST_WRMSR, MSR_CSTAR, value, TIMES);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.access, HADAL_ACCESS_WRITE);
	EQUAL(last.new_value, value);
	EQUAL(last.flags, 0);
	EQUAL(end(number).hits, 2 * TIMES);
	/* Nobody listens any more. */
	EQUAL(act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1), value);
	EQUAL(read_all(0), 0);
}

static void check_cr(unsigned int cr, enum hadal_test_action action, uint64_t bits, uint32_t writes)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_CR, HADAL_ACCESS_WRITE, 1u << cr, 0);
	int number = subscribe(&asked);
	uint64_t value = act(action, 0, bits, TIMES);

	EQUAL(read_all(number), TIMES * writes);
	EQUAL(last.number, cr);
	EQUAL(last.old_value ^ last.new_value, bits);
	if (cr == 3)
		EQUAL(last.new_value & ~0xfffull, value & ~0xfffull);
	end(number);
	act(action, 0, bits, 1);
	EQUAL(read_all(0), 0);
}

static void check_cpuid(void)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_CPUID,
		.access = HADAL_ACCESS_EXECUTE,
		.first = LEAF,
		.count = 1,
		.cookie = 0x1234,
		.capture = HADAL_CAPTURE_CODE,
	};
	uint32_t a = 0, b = 0, c = 0, d = 0;
	int number = subscribe(&asked);

	for (unsigned int i = 0; i < TIMES; i++)
		__cpuid_count(LEAF, i, a, b, c, d);
	__cpuid_count(LEAF + 1, 0, c, c, c, c);
	__cpuid_count(LEAF, TIMES - 1, a, b, c, d);
	EQUAL(read_all(number), TIMES + 1);
	EQUAL(last.number, LEAF);
	EQUAL(last.physical, TIMES - 1);
	EQUAL(last.old_value, a | (uint64_t)b << 32);
	EQUAL(last.new_value, c | (uint64_t)d << 32);
	EQUAL(last.cpl, 3);
	EQUAL(last.bytes, sizeof(last) + 16);
	EQUAL(end(number).hits, TIMES + 1);
}

static void check_ports(void)
{
	struct hadal_subscription asked =
		marked(HADAL_EVENT_IO, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, PORT + 2, 1);
	int number = subscribe(&asked);

	act(HADAL_TEST_OUT, PORT, 0x12345678, TIMES);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.number, PORT);
	EQUAL(last.physical, 4);
	EQUAL(last.access, HADAL_ACCESS_WRITE);
	EQUAL(last.new_value, 0x12345678);
	EQUAL(act(HADAL_TEST_IN, PORT, 0, TIMES), last.new_value | 0xffffffff);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.access, HADAL_ACCESS_READ);
	EQUAL(last.new_value, 0xffffffff);
	act(HADAL_TEST_OUT, PORT + 3, 1, TIMES);
	EQUAL(read_all(number), 0);
	end(number);
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
		.cookie = 0x1234,
		.clause_count = 1,
		.clause = {{.value = HADAL_FILTER_CPL, .mask = 3, .operand = 3}},
	};
	int number = subscribe(&asked);

	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	for (unsigned int i = 0; i < TIMES; i++)
		__asm__ volatile("int3\n.globl after_int3\nafter_int3:" ::: "memory");
	EQUAL(signals, TIMES);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.number, 3);
	EQUAL(last.rip, (uintptr_t)after_int3 - 1);
	signals = 0;
	__asm__ volatile(".byte 0xcd, 3" ::: "memory");
	EQUAL(signals, 1);
	EQUAL(read_all(number), is_intel() ? 0 : 1); /* VT-x lets INT n pass */
	signals = 0;
	for (unsigned int i = 0; i < TIMES; i++)
		__asm__ volatile("ud2" ::: "memory");
	EQUAL(signals, TIMES);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.number, 6);
	/* The system call by INT 0x80 is none of these. */
	{
		long pid = 20; /* getpid of 32-bit programs */

		__asm__ volatile("int $0x80" : "+a"(pid)::"memory", "r8", "r9", "r10", "r11");
		CHECK(pid == getpid() || pid == -ENOSYS);
	}
	EQUAL(read_all(number), 0);
	end(number);
}

static void check_requests(void)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_REQUEST,
		.access = HADAL_ACCESS_EXECUTE,
		.first = 7,
		.count = 1,
		.cookie = 0x1234,
	};
	int number;

	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 7, 8, 9, 0, 0), 0);
	number = subscribe(&asked);
	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 7, 8, 9, 0, 0), 1);
	EQUAL(ring0_call(HADAL_CALL_EVENT_REQUEST, 8, 8, 9, 0, 0), 0);
	EQUAL(read_all(number), 1);
	EQUAL(last.number, 7);
	EQUAL(last.address, 8);
	EQUAL(last.physical, 9);
	end(number);
}

/* Filters, samples, captures, and counting alone. */
static void check_filters(void)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription_state state;
	int number;

	asked.clause[0].compare = HADAL_FILTER_NOT_EQUAL;
	number = subscribe(&asked);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(read_all(number), 0);
	state = end(number);
	EQUAL(state.hits, TIMES);
	EQUAL(state.filtered, TIMES);

	asked.clause[1] = (struct hadal_clause){.value = HADAL_FILTER_NUMBER,
						.alternative = 1,
						.mask = ~0ull,
						.operand = MSR_CSTAR};
	asked.clause_count = 2;
	asked.sample = 10;
	asked.capture = HADAL_CAPTURE_ALL;
	asked.stack_bytes = 64;
	number = subscribe(&asked);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(read_all(number), TIMES / 10);
	EQUAL(last.bytes, sizeof(last) + sizeof(struct hadal_event_registers) + 16 + 64 + 8);
	EQUAL(end(number).filtered, TIMES - TIMES / 10);

	asked.action = HADAL_ACTION_COUNT;
	number = subscribe(&asked);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(read_all(number), 0);
	EQUAL(end(number).hits, TIMES);
}

static void check_tables(void)
{
	for (uint64_t table = HADAL_GDTR; table <= HADAL_TR; table++) {
		struct hadal_subscription asked =
			marked(HADAL_EVENT_DESCRIPTOR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE,
			       1u << table, 0);
		int number = subscribe(&asked);
		uint64_t value = act(HADAL_TEST_STORE_TABLE, table, 0, TIMES);

		EQUAL(read_all(number), TIMES);
		EQUAL(last.number, table);
		EQUAL(last.access, HADAL_ACCESS_READ);
		EQUAL(last.old_value, value);
		EQUAL(last.flags, 0);
		if (table != HADAL_TR) {
			act(HADAL_TEST_LOAD_TABLE, table, 0, TIMES);
			EQUAL(read_all(number), TIMES);
			EQUAL(last.access, HADAL_ACCESS_WRITE);
			EQUAL(last.new_value, value);
		}
		EQUAL(act(HADAL_TEST_STORE_TABLE, (table + 1) % 4, 0, 1) != 0x123, 1);
		EQUAL(read_all(0), 0);
		end(number);
		EQUAL(act(HADAL_TEST_STORE_TABLE, table, 0, 1), value);
	}
}

static struct hadal_subscription memory(uint32_t access, uint64_t offset, uint64_t count)
{
	return (struct hadal_subscription){
		.kind = HADAL_EVENT_MEMORY,
		.access = access,
		.first = arena.physical + offset,
		.count = count,
		.cookie = 0x1234,
	};
}

#define WRITES 20000u

static void check_writes(void)
{
	struct hadal_subscription asked = memory(HADAL_ACCESS_WRITE, 0x100, 8);
	volatile uint64_t *word = (void *)(arena.bytes + 0x100);
	const struct hadal_event *event;
	uint64_t expected = 0;
	int number;

	*word = 0;
	number = subscribe(&asked);
	for (uint64_t i = 1; i <= WRITES; i++) {
		*word = i;
		word[1] = i; /* beside it */
		if (i % 500)
			continue;
		while ((event = hadal_events_next(events))) {
			EQUAL(event->subscription, number);
			EQUAL(event->kind, HADAL_EVENT_MEMORY);
			EQUAL(event->access, HADAL_ACCESS_WRITE);
			EQUAL(event->physical, asked.first);
			EQUAL(event->old_value, expected);
			EQUAL(event->new_value, ++expected);
			EQUAL(event->cpl, 3);
		}
	}
	EQUAL(expected, WRITES);
	EQUAL(*word, WRITES);
	EQUAL(read_all(number), 0);
	__asm__ volatile("lock incq %0" : "+m"(*word));
	EQUAL(read_all(number), 1);
	EQUAL(last.new_value, WRITES + 1);
	EQUAL(end(number).hits, WRITES + 1);
	*word = 5;
	EQUAL(read_all(0), 0);
}

static void check_reads(void)
{
	struct hadal_subscription asked = memory(HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, 0x200, 4);
	volatile uint32_t *word = (void *)(arena.bytes + 0x200);
	int number;

	*word = 77;
	number = subscribe(&asked);
	for (unsigned int i = 0; i < TIMES; i++)
		EQUAL(*word, 77);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.access, HADAL_ACCESS_READ);
	EQUAL((uint32_t)last.new_value, 77);
	EQUAL(last.number, 4);
	EQUAL(word[1], 0);
	EQUAL(read_all(number), 0);
	__asm__ volatile("lock incl %0" : "+m"(*word));
	EQUAL(read_all(number), 1);
	CHECK(last.access & HADAL_ACCESS_WRITE);
	EQUAL((uint32_t)last.new_value, 78);
	/* One access from before the bytes into them. */
	*(volatile uint64_t *)(arena.bytes + 0x1fc) = 0;
	EQUAL(read_all(number), 1);
	end(number);
}

/* A stack in watched memory: flags that are pushed are the guest's own. */
static void check_flags(void)
{
	struct hadal_subscription asked =
		memory(HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, PAGE, PAGE);
	uint8_t *top = arena.bytes + 2 * PAGE - 64;
	uint64_t before, after, pushed;
	unsigned int told = 0;
	int number = subscribe(&asked);

	for (unsigned int i = 0; i < TIMES; i++) {
		__asm__ volatile("pushfq\n\tpop %0" : "=r"(before));
		__asm__ volatile("mov %%rsp, %%r12\n\t"
				 "mov %3, %%rsp\n\t"
				 "pushfq\n\t"
				 "mov (%%rsp), %0\n\t"
				 "popfq\n\t"
				 "mov %%r12, %%rsp\n\t"
				 "pushfq\n\tpop %1"
				 : "=&r"(pushed), "=&r"(after), "+m"(*(uint8_t(*)[64])top)
				 : "r"(top)
				 : "r12", "memory", "cc");
		EQUAL(pushed & 0x300, before & 0x300);
		EQUAL(after & 0x300, before & 0x300);
		EQUAL(before & 0x300, 0x200);
		told += read_all(number);
	}
	EQUAL(told, 3 * TIMES);
	end(number);
}

/* Code whose fetches are watched: a system call and flags that are read, each as ever. */
static void check_fetches(void)
{
	static const uint8_t code[] = {
		0xb8, SYS_getppid, 0,    0, 0, 0x0f, 0x05, /* mov, syscall */
		0x9c, 0x5a,        0xc3,                   /* pushf, pop rdx, ret */
	};
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	struct hadal_subscription asked = memory(HADAL_ACCESS_EXECUTE, 0, sizeof(code));
	uint64_t flags, result;
	int number;

	CHECK(page != MAP_FAILED);
	memcpy(page, code, sizeof(code));
	asked.first = physical_of(page);
	number = subscribe(&asked);
	for (unsigned int i = 0; i < 100; i++) {
		__asm__ volatile("call *%2"
				 : "=a"(result), "=&d"(flags)
				 : "r"(page)
				 : "rcx", "r11", "memory", "cc");
		EQUAL(result, getppid());
		EQUAL(flags & 0x300, 0x200);
		EQUAL(read_all(number), 5);
	}
	EQUAL(last.access, HADAL_ACCESS_EXECUTE);
	EQUAL(last.rip, (uintptr_t)page + sizeof(code) - 1);
	EQUAL(last.physical, asked.first + sizeof(code) - 1);
	end(number);
	munmap(page, PAGE);
}

/* Both CPUs write to the same page all the time; none is missed, and none is made up. */
static void check_two_cpus(void)
{
	struct hadal_subscription asked = memory(HADAL_ACCESS_WRITE, 2 * PAGE, 16);
	volatile uint64_t *word = (void *)(arena.bytes + 2 * PAGE);
	const struct hadal_event *event;
	uint64_t seen[2] = {0};
	int number, child;

	word[0] = word[1] = word[8] = 0;
	number = subscribe(&asked);
	child = fork();
	if (!child) {
		pin_to_cpu(1);
		word[8] = 1;
		for (uint64_t i = 1; i <= TIMES; i++)
			word[1] = i;
		_exit(0);
	}
	while (!word[8])
		;
	for (uint64_t i = 1; i <= TIMES; i++)
		word[0] = i;
	waitpid(child, NULL, 0);
	while ((event = hadal_events_next(events))) {
		unsigned int which = (event->physical - asked.first) / 8;

		CHECK(which < 2);
		EQUAL(event->new_value, ++seen[which]);
	}
	EQUAL(seen[0], TIMES);
	EQUAL(seen[1], TIMES);
	end(number);
}

static void check_memory_refusals(void)
{
	struct hadal_subscription asked = memory(HADAL_ACCESS_WRITE, 0, 8);

	asked.first = 0xfee00000;
	EQUAL(hadal_events_subscribe(events, &asked, &error), -ENXIO);
	asked = memory(HADAL_ACCESS_WRITE, 0, 0);
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
	asked = memory(HADAL_ACCESS_WRITE, 0, ~0ull);
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
	asked = memory(8, 0, 8);
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
}

static volatile unsigned int calls;

static __attribute__((noinline)) void traced(void)
{
	calls++;
}

static __attribute__((noinline)) void watched_by_ptrace(void)
{
	calls += 1000;
}

static struct hadal_subscription breakpoint(uint64_t address)
{
	return (struct hadal_subscription){
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.first = address,
		.count = 1,
		.cookie = 0x1234,
	};
}

/* A debugger's own breakpoint, in a child that is traced, beside ours. */
static void check_ptrace(int number)
{
	struct user_regs_struct regs;
	int child = fork(), status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (unsigned int i = 0; i < 100; i++)
			traced();
		watched_by_ptrace();
		_exit(7);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[0]),
		      watched_by_ptrace));
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 1));
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	CHECK(!ptrace(PTRACE_GETREGS, child, 0, &regs));
	EQUAL(regs.rip, (uintptr_t)watched_by_ptrace);
	EQUAL(ptrace(PTRACE_PEEKUSER, child, offsetof(struct user, u_debugreg[3]), 0), 0);
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 0));
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 7);
	EQUAL(read_all(number), 100);
}

static void check_breakpoints(void)
{
	struct hadal_subscription asked = breakpoint((uintptr_t)traced);
	struct hadal_regs regs;
	struct hadal *hadal;
	int numbers[4], number = subscribe(&asked);

	calls = 0;
	for (unsigned int i = 0; i < TIMES; i++)
		traced();
	EQUAL(calls, TIMES);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.kind, HADAL_EVENT_BREAK);
	EQUAL(last.rip, (uintptr_t)traced);
	EQUAL(last.number, HADAL_BREAK_DEBUG);
	check_ptrace(number);
	end(number);
	traced();
	EQUAL(read_all(0), 0);

	/* The system call's entry in the kernel, one call of all. */
	hadal = open_hadal();
	CHECK(!hadal_regs(hadal, 1, &regs, &error));
	hadal_close(hadal);
	asked = breakpoint(regs.lstar);
	asked.clause_count = 1;
	asked.clause[0] = (struct hadal_clause){.value = HADAL_FILTER_REGISTER,
						.index = HADAL_REG_RAX,
						.mask = ~0ull,
						.operand = SYS_getppid};
	number = subscribe(&asked);
	for (unsigned int i = 0; i < TIMES; i++)
		syscall(SYS_getppid);
	EQUAL(read_all(number), TIMES);
	EQUAL(last.rip, regs.lstar);
	EQUAL(last.cpl, 0);
	end(number);

	for (unsigned int i = 0; i < 4; i++) {
		asked = breakpoint((uintptr_t)traced + i);
		numbers[i] = subscribe(&asked);
	}
	asked = breakpoint((uintptr_t)watched_by_ptrace);
	asked.method = HADAL_BREAK_DEBUG;
	EQUAL(hadal_events_subscribe(events, &asked, &error), -ENOSPC);
	for (unsigned int i = 0; i < 4; i++)
		CHECK(!hadal_events_unsubscribe(events, numbers[i], &error));
	asked.first = 1ull << 63;
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
	asked.first = 0x1000;
	EQUAL(hadal_events_subscribe(events, &asked, &error), -ENXIO);
}

/* A ring that nobody reads is full at last, and every record that it has no room for is counted. */
static void check_overflow(void)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription_state state;
	uint64_t lost = hadal_events_lost(events);
	unsigned int fits = (RING_BYTES - HADAL_RING_NOTICES) / sizeof(struct hadal_event);
	unsigned int got = 0;
	int number = subscribe(&asked);

	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 2 * fits);
	CHECK(!hadal_events_state(events, number, &state, &error));
	got = read_all(number);
	CHECK(got >= fits - 1 && got <= fits);
	EQUAL(state.hits, 2 * fits);
	EQUAL(state.lost, 2 * fits - got);
	EQUAL(hadal_events_lost(events) - lost, 2 * fits - got);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, fits / 2);
	EQUAL(read_all(number), fits / 2);
	CHECK(!hadal_events_unsubscribe(events, number, &error));
}

static void refused(struct hadal_subscription asked, int code)
{
	EQUAL(hadal_events_subscribe(events, &asked, &error), code);
}

static void check_refusals(void)
{
	const struct hadal_subscription right =
		marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription asked = right;
	int numbers[HADAL_MAX_SUBSCRIPTIONS], count = 0, number;

#define REFUSED(change, code)         \
	do {                          \
		asked = right;        \
		change;               \
		refused(asked, code); \
	} while (0)
	REFUSED(asked.kind = HADAL_EVENT_KINDS, -EINVAL);
	REFUSED(asked.kind = HADAL_EVENT_NOTICE, -EINVAL);
	REFUSED(asked.access = 0, -EINVAL);
	REFUSED(asked.access = HADAL_ACCESS_EXECUTE, -EINVAL);
	REFUSED(asked.count = 0, -EINVAL);
	REFUSED(asked.count = 65, -EINVAL);
	REFUSED(asked.first = 1ull << 32, -EINVAL);
	REFUSED(asked.first = ~0ull, -EINVAL);
	REFUSED(asked.root = 1, -EINVAL);
	REFUSED(asked.method = 1, -EINVAL);
	REFUSED(asked.action = 3, -EINVAL);
	REFUSED(asked.deadline = 1, -EINVAL);
	REFUSED(asked.share = 1001, -EINVAL);
	REFUSED(asked.capture = 16, -EINVAL);
	REFUSED(asked.task_offset = 8, -EINVAL);
	REFUSED(asked.stack_bytes = 8, -EINVAL);
	REFUSED((asked.capture = HADAL_CAPTURE_STACK, asked.stack_bytes = 4104), -EINVAL);
	REFUSED(asked.clause_count = 17, -EINVAL);
	REFUSED(asked.clause[0].value = HADAL_FILTER_VALUES, -EINVAL);
	REFUSED(asked.clause[0].value = HADAL_FILTER_NEW, -EINVAL);
	REFUSED(asked.clause[0].compare = HADAL_FILTER_OPERATORS, -EINVAL);
	REFUSED(asked.clause[0].index = HADAL_REG_CR0, -EINVAL);
	REFUSED(asked.clause[0].alternative = 1, -EINVAL);
	REFUSED(asked.clause[0].bytes = 8, -EINVAL);
	REFUSED((asked.clause[0].value = HADAL_FILTER_MEMORY, asked.clause[0].bytes = 3), -EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_EXCEPTION, asked.access = HADAL_ACCESS_EXECUTE,
		 asked.first = 2),
		-EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_IO, asked.first = 65535, asked.count = 2), -EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_CR, asked.access = HADAL_ACCESS_WRITE, asked.first = 2,
		 asked.count = 0),
		-EINVAL);

	/* One more than there may be; after that all work. */
	while ((number = hadal_events_subscribe(events, &right, &error)) > 0)
		numbers[count++] = number;
	EQUAL(number, -ENOSPC);
	EQUAL(count, HADAL_MAX_SUBSCRIPTIONS);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	for (int i = 0; i < count; i++) {
		const struct hadal_event *event = hadal_events_next(events);

		CHECK(event);
		EQUAL(event->subscription, numbers[i]);
	}
	for (int i = 0; i < count; i++)
		CHECK(!hadal_events_unsubscribe(events, numbers[i], &error));
	EQUAL(read_all(0), 0);
}

/* A tail that lies makes a full ring, no more. */
static void check_tail(void)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	int fd = hadal_events_fd(events), number = subscribe(&asked);
	struct hadal_ring_tail *tails =
		mmap(NULL, HADAL_EVENTS_ENDS_BYTES(1), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     HADAL_EVENTS_OFFSET + HADAL_EVENTS_TAILS);
	static const uint64_t lies[] = {1, 1ull << 63, 1ull << 40, RING_BYTES};
	struct hadal_subscription_state state;
	uint64_t truth;

	CHECK(tails != MAP_FAILED);
	truth = tails[0].tail;
	for (unsigned int i = 0; i < 4; i++) {
		tails[0].tail = truth + lies[i];
		act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	}
	tails[0].tail = truth;
	CHECK(!hadal_events_state(events, number, &state, &error));
	EQUAL(state.lost, 4);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	EQUAL(read_all(number), 1);
	CHECK(!hadal_events_unsubscribe(events, number, &error));
	/* What is the hypervisor's to write is not the reader's. */
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, HADAL_EVENTS_OFFSET) ==
	      MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   HADAL_EVENTS_OFFSET + HADAL_EVENTS_RINGS) == MAP_FAILED);
	CHECK(mmap(NULL, 2 * RING_BYTES, PROT_READ, MAP_SHARED, fd,
		   HADAL_EVENTS_OFFSET + HADAL_EVENTS_RINGS) == MAP_FAILED);
	munmap(tails, HADAL_EVENTS_ENDS_BYTES(1));
}

/* A reader that is killed takes all of it along. */
static void check_kill(void)
{
	struct hadal_subscription_state state;
	int child = fork(), status, fds[2];
	char byte;

	CHECK(child >= 0);
	CHECK(!pipe(fds));
	if (!child)
		pause();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	child = fork();
	if (!child) {
		struct hadal_subscription asked =
			marked(HADAL_EVENT_CR, HADAL_ACCESS_WRITE, 1u << 3, 0);

		asked.clause_count = 0;
		CHECK(!hadal_events_open(&events, RING_BYTES, &error));
		subscribe(&asked);
		CHECK(write(fds[1], "x", 1) == 1);
		pause();
	}
	CHECK(read(fds[0], &byte, 1) == 1);
	CHECK(!hadal_events_state_at(events, 0, &state, &error));
	EQUAL(state.kind, HADAL_EVENT_CR);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	for (unsigned int i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		EQUAL(hadal_events_state_at(events, i, &state, &error), -ENOENT);
}

static void check_wait(void)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	int number = subscribe(&asked), child;

	EQUAL(hadal_events_wait(events, 20, &error), 0);
	child = fork();
	if (!child) {
		usleep(50000);
		act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
		_exit(0);
	}
	EQUAL(hadal_events_wait(events, 60000, &error), 1);
	EQUAL(read_all(number), 1);
	waitpid(child, NULL, 0);
	end(number);
}

int main(void)
{
	device = ring0_open(&arena);
	pin_to_cpu(0);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_msr();
	check_cr(3, HADAL_TEST_CR3, 0, 1);
	check_cr(0, HADAL_TEST_CR0, CR0_AM, 2);
	check_cr(4, HADAL_TEST_CR4, CR4_TSD, 2);
	check_cpuid();
	check_ports();
	check_exceptions();
	check_requests();
	check_tables();
	check_memory_refusals();
	check_writes();
	check_reads();
	check_flags();
	check_fetches();
	check_two_cpus();
	check_breakpoints();
	check_filters();
	check_overflow();
	check_refusals();
	check_tail();
	check_wait();
	check_kill();
	hadal_events_close(events);
	return 0;
}
