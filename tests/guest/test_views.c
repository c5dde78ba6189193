// SPDX-License-Identifier: MIT
/*
 * Breakpoints in a view are told as often as their instruction is executed, whatever instruction it
 * is and whoever changes its page; what is read there are the original bytes. In a guest as root,
 * with Hadal started and /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
#include "support/ring0.h"

#define RING_BYTES (1u << 20)
#define TIMES      100u
#define POINTS_MAX 48u

static struct hadal_events *events;
static struct hadal_error error;
static struct arena arena;
static int device;

static int subscribe(uint64_t address, enum hadal_break_method method)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.first = address,
		.count = 1,
		.method = method,
		.cookie = address,
	};
	int number = hadal_events_subscribe(events, &asked, &error);

	if (number < 0) {
		printf("breakpoint at %#llx: %s\n", (unsigned long long)address, error.text);
		exit(1);
	}
	return number;
}

static void unsubscribe(int number)
{
	CHECK(!hadal_events_unsubscribe(events, number, &error));
}

/* Records that there are of an address; all others are an error, but with `other`. */
static unsigned int read_all(uint64_t address)
{
	const struct hadal_event *event;
	unsigned int count = 0;

	while ((event = hadal_events_next(events))) {
		EQUAL(event->kind, HADAL_EVENT_BREAK);
		EQUAL(event->number, HADAL_BREAK_VIEW);
		EQUAL(event->rip, event->cookie);
		EQUAL(event->rip, address);
		count++;
	}
	return count;
}

static volatile unsigned int calls;

static __attribute__((noinline)) void traced(void)
{
	calls++;
}

/* From another page: where there are no pages for fetches alone, code sees INT3 in its own one. */
static int (*volatile compare)(const void *, const void *, size_t) = memcmp;

static void check_function(void)
{
	uint8_t before[64];
	int number;

	memcpy(before, (const void *)traced, sizeof(before));
	number = subscribe((uintptr_t)traced, HADAL_BREAK_VIEW);
	for (unsigned int i = 0; i < TIMES; i++)
		traced();
	EQUAL(calls, TIMES);
	EQUAL(read_all((uintptr_t)traced), TIMES);
	CHECK(!compare(before, (const void *)traced, sizeof(before)));
	unsubscribe(number);
	traced();
	EQUAL(read_all(0), 0);
}

/*
 * Code of all kinds; RDI is a page of a stack. Returns a value that tells that all was done. The
 * offset of each instruction that is executed is in code_points.
 */
extern uint8_t code_start[], code_end[];
extern const uint64_t code_points[], code_points_end[];
__asm__(".macro point instruction:vararg\n"
	"777: \\instruction\n"
	".pushsection .rodata.points\n"
	".quad 777b - code_start\n"
	".popsection\n"
	".endm\n"
	".pushsection .rodata.points\n"
	"code_points:\n"
	".popsection\n"
	".pushsection .text\n"
	"code_start:\n"
	"point endbr64\n"
	"point nopl 0(%rax,%rax,1)\n"
	"point nop\n"
	"point xchg %ax, %ax\n"
	"point nopw %cs:0(%rax,%rax,1)\n"
	"point push %rbp\n"
	"point mov %rsp, %rbp\n"
	"point push %r12\n"
	"point push %rsp\n"
	"point pop %rax\n"
	"point sub %rsp, %rax\n"
	"point mov %rax, %r12\n" /* 0: PUSH RSP pushes what it was */
	"point mov %edi, %r8d\n"
	"point mov %rsp, %r9\n"
	"point lea 4096(%rdi), %rsp\n"
	"point pushfq\n"
	"point pop %rax\n"
	"point and $0x300, %eax\n"
	"point add %rax, %r12\n" /* 0x200 */
	"point mov %r9, %rsp\n"
	"point mov $110, %eax\n" /* getppid */
	"point syscall\n"
	"point add %rax, %r12\n"
	"point call code_call\n"
	"point mov $7, %ecx\n"
	"point lea (%rdi), %rsi\n"
	"point add $64, %rdi\n"
	"point rep movsb\n"
	"point add %rdi, %r12\n"
	"point sub %rsi, %r12\n" /* 64 */
	"point cmp $1, %r12\n"
	"point jne code_jump\n"
	"ud2\n"
	"code_jump:\n"
	"point mov %r12, %rax\n"
	"point pop %r12\n"
	"point pop %rbp\n"
	"point ret\n"
	"code_call:\n"
	"point xor %edx, %edx\n"
	"point ret\n"
	"code_end:\n"
	".popsection\n"
	".pushsection .rodata.points\n"
	"code_points_end:\n"
	".popsection\n");

static uint8_t *page_of_code(void)
{
	uint8_t *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);

	CHECK(page != MAP_FAILED);
	return page;
}

static uint64_t run(const uint8_t *code, uint8_t *stack)
{
	return ((uint64_t(*)(uint8_t *))(uintptr_t)code)(stack);
}

static unsigned int point_count(void)
{
	return code_points_end - code_points;
}

/* The code, with a breakpoint at one instruction after the other. */
static void check_each(uint8_t *code, uint8_t *stack, uint64_t expected)
{
	for (unsigned int i = 0; i < point_count(); i++) {
		uint64_t address = (uintptr_t)code + code_points[i];
		int number = subscribe(address, HADAL_BREAK_VIEW);

		for (unsigned int times = 0; times < 3; times++)
			EQUAL(run(code, stack), expected);
		EQUAL(read_all(address), 3);
		unsubscribe(number);
	}
}

/* The same with breakpoints at all of them. */
static void check_all(uint8_t *code, uint8_t *stack, uint64_t expected)
{
	int numbers[POINTS_MAX];

	CHECK(point_count() <= POINTS_MAX);
	for (unsigned int i = 0; i < point_count(); i++)
		numbers[i] = subscribe((uintptr_t)code + code_points[i], HADAL_BREAK_VIEW);
	for (unsigned int times = 0; times < 10; times++) {
		const struct hadal_event *event;
		unsigned int count = 0;

		EQUAL(run(code, stack), expected);
		while ((event = hadal_events_next(events))) {
			EQUAL(event->rip, event->cookie);
			count++;
		}
		EQUAL(count, point_count());
		CHECK(!memcmp(code, code_start, code_end - code_start));
	}
	for (unsigned int i = 0; i < point_count(); i++)
		unsubscribe(numbers[i]);
}

static void check_instructions(void)
{
	size_t length = code_end - code_start;
	uint8_t *page = page_of_code();
	/* Within one page, and across two. */
	static const unsigned int places[] = {64, PAGE - 50, PAGE - 5};

	for (unsigned int i = 0; i < 3; i++) {
		uint8_t *code = page + places[i];
		uint64_t expected;

		memcpy(code, code_start, length);
		expected = run(code, arena.bytes);
		EQUAL(expected, 0x200 + getppid() + 64);
		check_each(code, arena.bytes, expected);
		check_all(code, arena.bytes, expected);
		EQUAL(run(code, arena.bytes), expected);
		EQUAL(read_all(0), 0);
	}
	munmap(page, 2 * PAGE);
}

static volatile unsigned int traps;
static volatile uint64_t trap_rip;

static void on_trap(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	(void)signal;
	(void)info;
	traps++;
	trap_rip = uc->uc_mcontext.gregs[REG_RIP];
}

/* mov $VALUE, %eax; nop; ret */
static const uint8_t constant[] = {0xb8, 1, 0, 0, 0, 0x90, 0xc3};

/* What the program writes to its code is executed, and its own INT3 is its own. */
static void check_writes(void)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	uint8_t *page = page_of_code(), *code = page + 256;
	volatile uint32_t *value = (volatile uint32_t *)(code + 1);
	uint64_t address = (uintptr_t)code;
	int number;

	sigaction(SIGTRAP, &action, NULL);
	memcpy(code, constant, sizeof(constant));
	number = subscribe(address, HADAL_BREAK_VIEW);
	for (uint32_t i = 0; i < 1000; i++) {
		*value = i;
		EQUAL(run(code, NULL), i);
		EQUAL(*value, i);
	}
	EQUAL(read_all(address), 1000);
	code[0] = 0xcc; /* the value's bytes are 0xe7, 3, 0, 0: in eax, 3; add %al, (%rax) */
	memcpy(code + 1, "\x31\xc0\x90\x90", 4);
	for (unsigned int i = 0; i < TIMES; i++)
		EQUAL(run(code, NULL), 0);
	EQUAL(traps, TIMES);
	EQUAL(trap_rip, address + 1);
	EQUAL(read_all(address), TIMES);
	EQUAL(code[0], 0xcc);
	memcpy(code, constant, sizeof(constant));
	EQUAL(run(code, NULL), 1);
	EQUAL(read_all(address), 1);
	/* By the kernel, and over the end of the page before. */
	CHECK(pread(open("/proc/self/exe", O_RDONLY), code + 16, 2, 0) == 2);
	EQUAL(code[16], 0x7f);
	*(volatile uint64_t *)(page + PAGE - 4) = 0x1122334455667788;
	EQUAL(*(volatile uint64_t *)(page + PAGE - 4), 0x1122334455667788);
	EQUAL(run(code, NULL), 1);
	EQUAL(read_all(address), 1);
	unsubscribe(number);
	EQUAL(run(code, NULL), 1);
	munmap(page, 2 * PAGE);
}

/* One CPU writes the code that the other executes all the time. */
static void check_two_cpus(void)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	volatile uint32_t *value = (volatile uint32_t *)(page + 1);
	volatile uint64_t *done = (volatile uint64_t *)arena.bytes;
	uint64_t runs = 0, last = 0;
	int number, child;

	CHECK(page != MAP_FAILED);
	memcpy(page, constant, sizeof(constant));
	*value = 0;
	*done = 0;
	number = subscribe((uintptr_t)page, HADAL_BREAK_VIEW);
	child = fork();
	if (!child) {
		pin_to_cpu(1);
		for (uint32_t i = 1; i <= 1000; i++)
			*value = i;
		*done = 1;
		_exit(0);
	}
	while (last < 1000) {
		uint64_t now = run(page, NULL);

		CHECK(now >= last && now <= 1000);
		last = now;
		runs++;
		EQUAL(read_all((uintptr_t)page), 1);
		if (*done && last < 1000)
			EQUAL(run(page, NULL), 1000);
		if (*done)
			read_all((uintptr_t)page);
	}
	waitpid(child, NULL, 0);
	unsubscribe(number);
	munmap(page, PAGE);
}

static struct hadal_test_text text(uint32_t count, uint32_t toggles)
{
	struct hadal_test_text request = {.calls = count, .toggles = toggles};

	EQUAL(ioctl(device, HADAL_TEST_TEXT, &request) ? errno : 0, 0);
	return request;
}

static bool is_slow(void)
{
	uint32_t a, b, c, d;

	__cpuid(0, a, b, c, d);
	return b == signature_INTEL_ebx;
}

/* A function of the kernel, which reads its own code as ever, and changes it. */
static void check_kernel(void)
{
	struct hadal_test_text before = text(0, 0), during;
	uint32_t toggles = is_slow() ? 20 : 1000;
	int number = subscribe(before.address, HADAL_BREAK_VIEW), second;

	during = text(TIMES, 0);
	EQUAL(during.sum, before.sum);
	EQUAL(read_all(before.address), TIMES);
	second = subscribe(before.address + 5, HADAL_BREAK_VIEW);
	unsubscribe(number);
	during = text(TIMES, 0);
	EQUAL(during.sum, before.sum);
	EQUAL(read_all(before.address + 5), TIMES);
	number = subscribe(before.address, HADAL_BREAK_VIEW);
	for (uint32_t done = 0; done < toggles; done += 20) {
		const struct hadal_event *event;
		unsigned int count = 0;

		during = text(0, 20);
		while ((event = hadal_events_next(events))) {
			EQUAL(event->rip, event->cookie);
			count++;
		}
		EQUAL(count, 2 * 2 * 20);
		EQUAL(during.sum, before.sum);
	}
	EQUAL(during.probed - before.probed, 2 * 2 * toggles);
	unsubscribe(number);
	unsubscribe(second);
	EQUAL(text(TIMES, 0).sum, before.sum);
	EQUAL(read_all(0), 0);
}

/* rep stosb; ret */
static const uint8_t fill[] = {0xf3, 0xaa, 0xc3};

static void run_fill(const uint8_t *code, uint8_t *to, uint64_t count)
{
	__asm__ volatile("call *%2" : "+D"(to), "+c"(count) : "r"(code) : "rax", "memory");
}

/* A repeated instruction is one, however many rounds it has and whoever else is at it meanwhile. */
static void check_rounds(void)
{
	uint8_t *page = page_of_code();
	uint64_t address = (uintptr_t)page;
	unsigned int told = 0;
	int number, child;

	memcpy(page, fill, sizeof(fill));
	number = subscribe(address, HADAL_BREAK_VIEW);
	for (uint64_t count = 4; count-- > 0;) /* also without any round */
		run_fill(page, arena.bytes, count);
	EQUAL(read_all(address), 4);
	if (is_slow()) { /* an exit by INT3 keeps no RF there */
		unsubscribe(number);
		munmap(page, 2 * PAGE);
		return;
	}
	child = fork();
	for (unsigned int i = 0; i < TIMES; i++) {
		run_fill(page, arena.bytes, 400);
		told += child ? read_all(address) : 0;
	}
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
	told += read_all(address);
	EQUAL(told, 2 * TIMES);
	unsubscribe(number);
	munmap(page, 2 * PAGE);
}

/* With all debug registers taken by breakpoints, others are in a view. */
static void check_any(void)
{
	uint8_t *page = page_of_code();
	struct hadal_subscription_state state;
	struct hadal_subscription wrong = {
		.kind = HADAL_EVENT_BREAK,
		.access = HADAL_ACCESS_EXECUTE,
		.first = (uintptr_t)page,
		.count = 1,
		.method = HADAL_BREAK_VIEW + 1,
	};
	int numbers[6];

	for (unsigned int i = 0; i < 6; i++) {
		numbers[i] = subscribe((uintptr_t)page + 16 * i, HADAL_BREAK_ANY);
		CHECK(!hadal_events_state(events, numbers[i], &state, &error));
		EQUAL(state.method, i < 4 ? HADAL_BREAK_DEBUG : HADAL_BREAK_VIEW);
	}
	for (unsigned int i = 0; i < 6; i++)
		unsubscribe(numbers[i]);
	EQUAL(hadal_events_subscribe(events, &wrong, &error), -EINVAL);
	wrong.method = HADAL_BREAK_VIEW;
	page[0] = 0xcd;
	EQUAL(hadal_events_subscribe(events, &wrong, &error), -EOPNOTSUPP);
	munmap(page, 2 * PAGE);
	EQUAL(hadal_events_subscribe(events, &wrong, &error), -ENXIO);
}

/* An instruction under a breakpoint writes to memory that is watched: both are told. */
static void check_with_watch(void)
{
	static const uint8_t store[] = {0x48, 0x89, 0x3f, 0xc3}; /* mov %rdi, (%rdi); ret */
	uint8_t *page = page_of_code();
	struct hadal_subscription watch = {
		.kind = HADAL_EVENT_MEMORY,
		.access = HADAL_ACCESS_WRITE,
		.first = arena.physical,
		.count = 8,
	};
	const struct hadal_event *event;
	unsigned int told[2] = {0};
	int numbers[2];

	memcpy(page, store, sizeof(store));
	numbers[0] = subscribe((uintptr_t)page, HADAL_BREAK_VIEW);
	numbers[1] = hadal_events_subscribe(events, &watch, &error);
	CHECK(numbers[1] > 0);
	for (unsigned int i = 0; i < TIMES; i++)
		run(page, arena.bytes);
	while ((event = hadal_events_next(events))) {
		EQUAL(event->rip, (uintptr_t)page);
		told[event->kind == HADAL_EVENT_MEMORY]++;
	}
	EQUAL(told[0], TIMES);
	EQUAL(told[1], TIMES);
	unsubscribe(numbers[1]);
	run(page, arena.bytes);
	EQUAL(read_all((uintptr_t)page), 1);
	unsubscribe(numbers[0]);
	munmap(page, 2 * PAGE);
}

static __attribute__((noinline)) void watched_by_ptrace(void)
{
	calls += 1000;
}

static void poke(int child, unsigned int reg, uint64_t value)
{
	CHECK(!ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[reg]), value));
}

/* A debugger uses all debug registers in a child that calls traced(): all four breakpoints hit. */
static void debug_with_all(void)
{
	int child = fork(), status;

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		for (unsigned int i = 0; i < TIMES; i++)
			traced();
		watched_by_ptrace();
		_exit(7);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	for (unsigned int i = 0; i < 3; i++)
		poke(child, i, (uintptr_t)debug_with_all);
	poke(child, 3, (uintptr_t)watched_by_ptrace);
	poke(child, 7, 0x55);
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	poke(child, 7, 0);
	CHECK(!ptrace(PTRACE_CONT, child, 0, 0));
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 7);
}

/* Records of traced(), and of notices. */
static void count_records(unsigned int *hits, unsigned int *notices, uint64_t notice)
{
	const struct hadal_event *event;

	*hits = *notices = 0;
	while ((event = hadal_events_next(events))) {
		if (event->kind != HADAL_EVENT_NOTICE) {
			EQUAL(event->rip, (uintptr_t)traced);
			++*hits;
			continue;
		}
		EQUAL(event->number, notice);
		++*notices;
	}
}

/* Whose debug register the system takes moves into a view, or says that it is not hit. */
static void check_moved(void)
{
	struct hadal_subscription_state state;
	unsigned int hits, notices;
	int number = subscribe((uintptr_t)traced, HADAL_BREAK_ANY);

	CHECK(!hadal_events_state(events, number, &state, &error));
	EQUAL(state.method, HADAL_BREAK_DEBUG);
	traced();
	debug_with_all();
	traced();
	CHECK(!hadal_events_state(events, number, &state, &error));
	EQUAL(state.method, HADAL_BREAK_VIEW);
	count_records(&hits, &notices, HADAL_NOTICE_MOVED);
	EQUAL(hits, TIMES + 2);
	EQUAL(notices, 1);
	unsubscribe(number);
	traced();
	EQUAL(read_all(0), 0);

	number = subscribe((uintptr_t)traced, HADAL_BREAK_DEBUG);
	debug_with_all();
	traced();
	debug_with_all();
	count_records(&hits, &notices, HADAL_NOTICE_DISPLACED);
	EQUAL(hits, 1);
	EQUAL(notices, 1);
	unsubscribe(number);
}

int main(void)
{
	device = ring0_open(&arena);
	pin_to_cpu(0);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_function();
	check_instructions();
	check_writes();
	check_two_cpus();
	check_rounds();
	check_any();
	if (!getenv("TEST_SLOW")) /* a Bochs stands still there: docs/status.md */
		check_moved();
	check_with_watch();
	check_kernel();
	hadal_events_close(events);
	return 0;
}
