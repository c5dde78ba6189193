// SPDX-License-Identifier: MIT
/*
 * Each instruction of a task in ring 3 is told once, and the task sees nothing of it. In a guest as
 * root with two CPUs, with Hadal started.
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "events/events.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define RING_BYTES (1u << 20)
#define LEAF       0x40005678u
#define FLAG_TF    0x100u
#define FLAGS_SEEN 0x300u /* TF and IF */
#define ROUNDS     3u

/* What the code below notes; and its signal handler, for each signal. */
struct seen {
	uint64_t flags[8];
	uint64_t parent, old_call;
	uint8_t copied[8];
	struct {
		uint64_t rip, flags;
		int number;
	} signal[8];
	uint64_t signals;
};

/* Shared between the two processes. */
struct shared {
	struct seen seen[2];
	volatile uint64_t loops, rounds;
	volatile bool stop;
};

static struct shared *shared;
static struct seen *now;
static struct hadal *hadal;
static struct hadal_events *events;
static struct hadal_error error;

/* Code whose instructions are known; RDI: struct seen. */
void traced_code(struct seen *seen);
void traced_loop(uint64_t count);

/* clang-format off */
#define AT(n) "at_" #n ":\n\t"
__asm__(".text\n"
	".globl traced_code\n"
	"traced_code:\n\t"
	AT(0) "push %rbx\n\t"
	AT(1) "mov %rdi, %rbx\n\t"
	AT(2) "mov $3, %ecx\n\t"
	AT(3) "pushfq\n\t"
	AT(4) "popq (%rbx)\n\t"
	AT(5) "dec %ecx\n\t"
	AT(6) "jnz at_3\n\t"
	AT(7) "mov $110, %eax\n\t" /* getppid */
	AT(8) "syscall\n\t"
	AT(9) "mov %r11, 8(%rbx)\n\t"
	AT(10) "mov %rax, 64(%rbx)\n\t"
	AT(11) "int3\n\t"
	AT(12) "push %rbx\n\t"
	AT(13) "xor %eax, %eax\n\t"
	AT(14) "cpuid\n\t"
	AT(15) "pop %rbx\n\t"
	AT(16) "mov $5, %ecx\n\t"
	AT(17) "lea at_0(%rip), %rsi\n\t"
	AT(18) "lea 80(%rbx), %rdi\n\t"
	AT(19) "rep movsb\n\t"
	AT(20) "pushfq\n\t"
	AT(21) "orq $0x100, (%rsp)\n\t"
	AT(22) "popfq\n\t"
	AT(23) "nop\n\t" /* then its own trap */
	AT(24) "pushfq\n\t"
	AT(25) "popq 16(%rbx)\n\t"
	AT(26) "mov %ss, %eax\n\t"
	AT(27) "mov %eax, %ss\n\t"
	AT(28) "pushfq\n\t"
	AT(29) "popq 24(%rbx)\n\t"
	AT(30) "ud2\n\t"
	AT(31) "mov $20, %eax\n\t" /* getpid of 32-bit programs */
	AT(32) "int $0x80\n\t"
	AT(33) "mov %rax, 72(%rbx)\n\t"
	AT(34) "pushfw\n\t"
	AT(35) "popw 32(%rbx)\n\t"
	AT(36) "pop %rbx\n\t"
	AT(37) "ret\n"
	"at_end:\n"
	".globl traced_loop\n"
	"traced_loop:\n\t"
	"dec %rdi\n\t"
	"jnz traced_loop\n\t"
	"loop_end: ret\n");
/* clang-format on */

extern const uint8_t at_0[], at_3[], at_4[], at_5[], at_6[], at_19[], at_30[], at_end[], loop_end[];

/* Lengths of the instructions, in their order. */
static const uint8_t lengths[] = {1, 3, 5, 1, 2, 2, 2, 5, 2, 4, 4, 1, 1, 2, 2, 1, 5, 7, 4,
				  2, 1, 8, 1, 1, 1, 3, 2, 2, 1, 3, 2, 5, 2, 4, 2, 4, 1, 1};

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	greg_t *regs = uc->uc_mcontext.gregs;

	(void)info;
	CHECK(now->signals < 8);
	now->signal[now->signals].rip = regs[REG_RIP];
	now->signal[now->signals].flags = regs[REG_EFL] & FLAGS_SEEN;
	now->signal[now->signals++].number = number;
	regs[REG_EFL] &= ~(greg_t)FLAG_TF;
	if (number == SIGILL)
		regs[REG_RIP] += 2;
}

static void note(struct seen *seen)
{
	now = seen;
	traced_code(seen);
}

/* The process that is stepped: says its address space, and does each thing when it is told to. */
static void traced_process(int from, int to)
{
	int parent = getppid();
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	uint32_t a, b, c, d;
	char byte;

	pin_to_cpu(1);
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	note(&shared->seen[0]);
	__cpuid_count(LEAF, 0, a, b, c, d);
	CHECK(write(to, "x", 1) == 1 && read(from, &byte, 1) == 1);
	note(&shared->seen[1]);
	CHECK(write(to, "x", 1) == 1 && read(from, &byte, 1) == 1);
	traced_loop(shared->loops);
	CHECK(write(to, "x", 1) == 1 && read(from, &byte, 1) == 1);
	for (; !shared->stop; shared->rounds++) {
		traced_loop(100);
		CHECK(getppid() == parent);
	}
	_exit(7);
}

static struct hadal_subscription steps(uint64_t root, const void *first, const void *end)
{
	struct hadal_subscription asked = {
		.kind = HADAL_EVENT_STEP,
		.access = HADAL_ACCESS_EXECUTE,
		.root = root,
		.clause_count = 2,
	};

	asked.clause[0] = (struct hadal_clause){.value = HADAL_FILTER_ADDRESS,
						.compare = HADAL_FILTER_GREATER_EQUAL,
						.mask = ~0ull,
						.operand = (uintptr_t)first};
	asked.clause[1] = (struct hadal_clause){.value = HADAL_FILTER_ADDRESS,
						.compare = HADAL_FILTER_LESS,
						.mask = ~0ull,
						.operand = (uintptr_t)end};
	return asked;
}

static uint32_t subscribe_to_leaf(void)
{
	const struct hadal_subscription asked = {
		.kind = HADAL_EVENT_CPUID,
		.access = HADAL_ACCESS_EXECUTE,
		.first = LEAF,
		.count = 1,
	};

	return subscribe_to(events, &asked);
}

/* The CR3 of who has executed that leaf of CPUID. */
static uint64_t find_root(uint32_t number, int from)
{
	struct told told;
	char byte;

	CHECK(read(from, &byte, 1) == 1);
	told = read_told(events, number);
	EQUAL(told.records, 1);
	unsubscribe_from(events, number);
	return told.last.cr3;
}

/* Reads one record; where the instruction was in the code. */
static void next_is(uint32_t number, const uint8_t *address, uint16_t flags)
{
	const struct hadal_event *event = hadal_events_next(events);

	CHECK(event);
	EQUAL(event->subscription, number);
	EQUAL(event->kind, HADAL_EVENT_STEP);
	EQUAL(event->address - (uintptr_t)at_0, address - at_0);
	EQUAL(event->flags & HADAL_RECORD_FAULTED, flags);
}

static void check_code(uint64_t root, int to, int from)
{
	struct hadal_subscription asked = steps(root, at_0, at_end);
	uint32_t number = subscribe_to(events, &asked);
	const uint8_t *address = at_0;
	char byte;

	CHECK(write(to, "x", 1) == 1 && read(from, &byte, 1) == 1);
	for (unsigned int i = 0; i < sizeof(lengths); i++) {
		next_is(number, address, address == at_30 ? HADAL_RECORD_FAULTED : 0);
		address += lengths[i];
		for (unsigned int round = 1; address == at_6 + 2 && round < ROUNDS; round++) {
			next_is(number, at_3, 0);
			next_is(number, at_4, 0);
			next_is(number, at_5, 0);
			next_is(number, at_6, 0);
		}
	}
	CHECK(address == at_end);
	CHECK(!hadal_events_next(events));
	EQUAL(state_of(events, number).lost, 0);
	unsubscribe_from(events, number);
	for (unsigned int i = 0; i < 8; i++) {
		EQUAL(shared->seen[0].signal[i].rip, shared->seen[1].signal[i].rip);
		EQUAL(shared->seen[0].signal[i].flags, shared->seen[1].signal[i].flags);
		EQUAL(shared->seen[1].flags[i] & FLAG_TF, 0);
	}
	EQUAL(shared->seen[1].signals, 3);
	EQUAL(shared->seen[1].parent, getpid());
	EQUAL(shared->seen[1].flags[1] & FLAGS_SEEN, 0x200);
	CHECK(!memcmp(&shared->seen[0], &shared->seen[1], sizeof(struct seen)));
}

static bool is_slow(void)
{
	uint32_t a, b, c, d;

	__cpuid(0, a, b, c, d);
	return b == signature_INTEL_ebx;
}

/* Under the timer, which comes many times meanwhile. */
static void check_loop(uint64_t root, int to, int from)
{
	struct hadal_subscription asked = steps(root, traced_loop, loop_end);
	const struct hadal_event *event;
	uint32_t number;
	uint64_t count = 0;
	char byte;

	shared->loops = is_slow() ? 2000 : 20000;
	number = subscribe_to(events, &asked);
	CHECK(write(to, "x", 1) == 1);
	while (count < 2 * shared->loops) {
		CHECK(hadal_events_wait(events, 60000, &error) > 0);
		while ((event = hadal_events_next(events))) {
			EQUAL(event->address - (uintptr_t)traced_loop, count % 2 ? 3 : 0);
			count++;
		}
	}
	CHECK(read(from, &byte, 1) == 1);
	CHECK(!hadal_events_next(events));
	EQUAL(state_of(events, number).lost, 0);
	unsubscribe_from(events, number);
}

/* On CPU 1, of the kinds that steps make. */
static uint64_t count_exits(void)
{
	struct hadal_stats stats;

	CHECK(!hadal_stats(hadal, 1, &stats, &error));
	return stats.exits[HADAL_EXIT_EXCEPTION] + stats.exits[HADAL_EXIT_INTERRUPT] +
	       stats.exits[HADAL_EXIT_IRET] + stats.exits[HADAL_EXIT_NMI_WINDOW];
}

static void wait_for_rounds(uint64_t count)
{
	uint64_t before = shared->rounds;

	while (shared->rounds - before < count)
		usleep(1000);
}

/* Reads what is told of the task until it is killed, in the middle of it. Seconds that took. */
static double kill_reader(uint64_t root)
{
	const struct hadal_subscription asked = {
		.kind = HADAL_EVENT_STEP, .access = HADAL_ACCESS_EXECUTE, .root = root};
	struct timespec start, end;
	int ready[2], reader;
	char byte;

	CHECK(!pipe(ready));
	reader = fork();
	if (!reader) {
		CHECK(!hadal_events_open(&events, RING_BYTES, &error));
		subscribe_to(events, &asked);
		for (unsigned int told = 0;; told += !!hadal_events_next(events))
			if (told == 1000)
				CHECK(write(ready[1], "x", 1) == 1);
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	EQUAL(count_subscriptions(hadal), 1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	kill(reader, SIGKILL);
	CHECK(waitpid(reader, NULL, 0) == reader);
	EQUAL(count_subscriptions(hadal), 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return (end.tv_sec - start.tv_sec) + (end.tv_nsec - start.tv_nsec) / 1e9;
}

/* Nothing of it is left, and the task goes on. A busy host may take its time, but not each time. */
static void check_kill(uint64_t root)
{
	double best = 100;

	wait_for_rounds(1);
	for (int i = 0; i < 3; i++) {
		double seconds = kill_reader(root);
		uint64_t exits = count_exits();

		if (seconds < best)
			best = seconds;
		wait_for_rounds(100);
		EQUAL(count_exits(), exits);
	}
	printf("all of a reader that was killed was gone in %.3f s\n", best);
	CHECK(best < 1);
}

int main(void)
{
	int to[2], from[2], child, status;
	uint32_t number;
	uint64_t root;

	setvbuf(stdout, NULL, _IONBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(shared != MAP_FAILED);
	CHECK(!pipe(to) && !pipe(from));
	hadal = open_hadal();
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	pin_to_cpu(0);
	number = subscribe_to_leaf();
	child = fork();
	if (!child)
		traced_process(to[0], from[1]);
	root = find_root(number, from[0]);
	check_code(root, to[1], from[0]);
	check_loop(root, to[1], from[0]);
	CHECK(write(to[1], "x", 1) == 1);
	hadal_events_close(events);
	check_kill(root);
	shared->stop = true;
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 7);
	hadal_close(hadal);
	return 0;
}
