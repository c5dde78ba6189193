// SPDX-License-Identifier: MIT
/*
 * vCPUs that are held until the reader answers: what an answer does, and what becomes of one that
 * does not come. In a guest as root with two CPUs, with Hadal started and /dev/hadal_test.
 */
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/deeds.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define RING_BYTES (1u << 16)
#define LEAF       0x40005678u
#define LONG       1000000u
#define TIMES      50u
#define FAKE       0x123456789abcdefull

static struct hadal_events *events;
static struct hadal_error error;
static struct arena arena;
static int device;

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static struct hadal_subscription holding(struct hadal_subscription asked, uint32_t deadline)
{
	asked.action = HADAL_ACTION_HOLD;
	asked.deadline = deadline;
	return asked;
}

static struct hadal_event next_event(void)
{
	const struct hadal_event *event;

	while (!(event = hadal_events_next(events)))
		CHECK(hadal_events_wait(events, 60000, &error) == 1);
	return *event;
}

static struct hadal_event next_held(void)
{
	struct hadal_event event = next_event();

	CHECK(event.kind != HADAL_EVENT_NOTICE && (event.flags & HADAL_RECORD_HELD));
	EQUAL(event.cpu, 1);
	return event;
}

static struct hadal_event_answer answer_to(const struct hadal_event *event,
					   enum hadal_answer answer)
{
	return (struct hadal_event_answer){.subscription = event->subscription,
					   .cpu = event->cpu,
					   .time = event->time,
					   .answer = answer};
}

static int give(const struct hadal_event *event, enum hadal_answer answer)
{
	struct hadal_event_answer given = answer_to(event, answer);

	return hadal_events_answer(events, &given, &error);
}

/* Not so fast that the reader never waits. */
static int read_msrs(void)
{
	for (unsigned int i = 0; i < TIMES; i++) {
		usleep(2000);
		have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	}
	return 0;
}

/* How often the kernel has done work that an NMI's handler had asked for, as the wake-up is. */
static unsigned long count_wakes(void)
{
	FILE *interrupts = fopen("/proc/interrupts", "r");
	unsigned long count = 0, first, second;
	char line[512];

	CHECK(interrupts);
	while (fgets(line, sizeof(line), interrupts)) {
		if (sscanf(line, " IWI: %lu %lu", &first, &second) == 2)
			count = first + second;
	}
	fclose(interrupts);
	return count;
}

static void check_go_on(void)
{
	struct hadal_subscription asked = holding(to_cstar(), LONG);
	uint32_t number = subscribe_to(events, &asked);
	unsigned long wakes = count_wakes();
	int child = start_on(1, read_msrs);

	for (unsigned int i = 0; i < TIMES; i++) {
		struct hadal_event event = next_held();

		EQUAL(event.number, MSR_CSTAR);
		EQUAL(give(&event, HADAL_ANSWER_GO_ON), 0);
		EQUAL(give(&event, HADAL_ANSWER_GO_ON), -ETIMEDOUT);
	}
	EQUAL(status_of(child), 0);
	wakes = count_wakes() - wakes;
	printf("%u answers, woken %lu times\n", TIMES, wakes);
	/* Else the loader would look by itself, after a time. */
	CHECK(wakes >= TIMES / 5);
	EQUAL(state_of(events, number).held, TIMES);
	EQUAL(state_of(events, number).timeouts, 0);
	EQUAL(state_of(events, number).late, TIMES);
	unsubscribe_from(events, number);
}

static int read_fake(void)
{
	return have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1) != FAKE;
}

static int read_one(void)
{
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	return 0;
}

static int write_msr(void)
{
	have_done(device, HADAL_TEST_WRMSR, MSR_CSTAR, FAKE, 1);
	return 0;
}

static void check_skip(void)
{
	struct hadal_subscription asked = holding(to_cstar(), LONG);
	uint64_t value = have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	uint32_t number = subscribe_to(events, &asked);
	int child = start_on(1, read_fake);
	struct hadal_event event = next_held();
	struct hadal_event_answer given = answer_to(&event, HADAL_ANSWER_SKIP);

	/* What the processor would refuse changes nothing, and the vCPU waits on. */
	given.set.mask = 1ull << HADAL_REG_CR4 | 1ull << HADAL_REG_RAX;
	given.set.values.cr4 = ~0ull;
	EQUAL(hadal_events_answer(events, &given, &error), -ERANGE);
	EQUAL(given.refused, HADAL_REG_CR4);
	given.refused = 0;
	given.set.mask = 1ull << HADAL_REG_RAX | 1ull << (HADAL_REG_RAX + 2);
	given.set.values.rax = (uint32_t)FAKE;
	given.set.values.rdx = FAKE >> 32;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	EQUAL(status_of(child), 0);

	child = start_on(1, write_msr);
	event = next_held();
	EQUAL(event.new_value, FAKE);
	EQUAL(give(&event, HADAL_ANSWER_SKIP), 0);
	EQUAL(status_of(child), 0);
	unsubscribe_from(events, number);
	EQUAL(have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1), value);
}

/* Another value than the guest's is written; the guest's registers stay, as who only looks sees. */
static void check_value(void)
{
	struct hadal_subscription asked = holding(to_cstar(), LONG), looks = to_cstar();
	uint64_t value = have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	uint32_t number = subscribe_to(events, &asked), second;
	const struct hadal_event_registers *registers;
	const struct hadal_event *seen;
	struct hadal_event event;
	struct hadal_event_answer given;
	int child;

	looks.access = HADAL_ACCESS_WRITE;
	looks.capture = HADAL_CAPTURE_REGISTERS;
	second = subscribe_to(events, &looks);
	child = start_on(1, write_msr);
	event = next_held();
	given = answer_to(&event, HADAL_ANSWER_GO_ON);
	given.value = 1;
	EQUAL(hadal_events_answer(events, &given, &error), -EINVAL);
	given.answer = HADAL_ANSWER_VALUE;
	given.value = value;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	EQUAL(status_of(child), 0);
	while (!(seen = hadal_events_next(events)))
		CHECK(hadal_events_wait(events, 60000, &error) == 1);
	EQUAL(seen->subscription, second);
	EQUAL(seen->new_value, value);
	registers = hadal_event_part(&looks, seen, HADAL_CAPTURE_REGISTERS);
	CHECK(registers);
	EQUAL(registers->general[HADAL_REG_RAX], FAKE);
	EQUAL(registers->general[HADAL_REG_RDX], FAKE >> 32);
	unsubscribe_from(events, second);
	/* What is read has none. */
	child = start_on(1, read_one);
	event = next_held();
	given = answer_to(&event, HADAL_ANSWER_VALUE);
	EQUAL(hadal_events_answer(events, &given, &error), -EOPNOTSUPP);
	EQUAL(give(&event, HADAL_ANSWER_GO_ON), 0);
	EQUAL(status_of(child), 0);
	unsubscribe_from(events, number);
	EQUAL(have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1), value);
}

static void on_signal(int number)
{
	_exit(number);
}

static int ask_leaf(void)
{
	uint32_t a, b, c, d;

	signal(SIGILL, on_signal);
	__cpuid(LEAF, a, b, c, d);
	return 0;
}

static void check_exception(void)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_CPUID,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = LEAF,
					   .count = 1};
	struct hadal_event_answer given;
	struct hadal_event event;
	uint32_t number;
	int child;

	asked = holding(asked, LONG);
	number = subscribe_to(events, &asked);
	child = start_on(1, ask_leaf);
	event = next_held();
	EQUAL(give(&event, HADAL_ANSWERS), -EINVAL);
	given = answer_to(&event, HADAL_ANSWER_VIEW);
	given.value = 1;
	EQUAL(hadal_events_answer(events, &given, &error), -ENOENT);
	given = answer_to(&event, HADAL_ANSWER_EXCEPTION);
	given.vector = 2;
	EQUAL(hadal_events_answer(events, &given, &error), -EINVAL);
	given.vector = 6;
	given.error = 1; /* #UD has none */
	EQUAL(hadal_events_answer(events, &given, &error), -EINVAL);
	given.error = 0;
	given.subscription++;
	EQUAL(hadal_events_answer(events, &given, &error), -ENOENT);
	given.subscription--;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	EQUAL(status_of(child), SIGILL);
	unsubscribe_from(events, number);
}

static int write_arena(void)
{
	__asm__ volatile("movq $5, (%0)" ::"r"(arena.bytes) : "memory");
	return 0;
}

static void check_memory(void)
{
	struct hadal_subscription asked =
		holding(to_memory(arena.physical, 8, HADAL_ACCESS_WRITE), LONG);
	volatile uint64_t *word = (volatile uint64_t *)arena.bytes;
	enum hadal_answer answers[] = {HADAL_ANSWER_SKIP, HADAL_ANSWER_GO_ON};
	uint32_t number;

	*word = 1;
	number = subscribe_to(events, &asked);
	for (unsigned int i = 0; i < 2; i++) {
		int child = start_on(1, write_arena);
		struct hadal_event event = next_held();

		EQUAL(event.old_value, 1);
		EQUAL(*word, 1);
		EQUAL(give(&event, answers[i]), 0);
		EQUAL(status_of(child), 0);
		EQUAL(*word, i ? 5 : 1);
	}
	EQUAL(state_of(events, number).hits, 2);
	unsubscribe_from(events, number);
}

/* Lets it go on to behind the next instruction. */
static struct hadal_event step_from(const struct hadal_event *before)
{
	struct hadal_event_answer given = answer_to(before, HADAL_ANSWER_GO_ON);
	struct hadal_event event;

	given.step = 1;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	event = next_held();
	EQUAL(event.kind, HADAL_EVENT_STEP);
	CHECK(event.rip != before->rip);
	return event;
}

/* Behind the instruction it is held once more, and so on for as long as that is wanted. */
static void check_step(void)
{
	struct hadal_subscription asked =
		holding(to_memory(arena.physical, 8, HADAL_ACCESS_WRITE), LONG);
	volatile uint64_t *word = (volatile uint64_t *)arena.bytes;
	struct hadal_event event, before;
	struct hadal_event_answer given;
	uint32_t number;
	int child;

	*word = 1;
	number = subscribe_to(events, &asked);
	child = start_on(1, write_arena);
	event = next_held();
	EQUAL(event.kind, HADAL_EVENT_MEMORY);
	given = answer_to(&event, HADAL_ANSWER_GO_ON);
	given.step = 2;
	EQUAL(hadal_events_answer(events, &given, &error), -EINVAL);
	for (unsigned int i = 0; i < 3; i++) {
		before = event;
		event = step_from(&before);
		EQUAL(event.subscription, number);
		EQUAL(event.flags, HADAL_RECORD_HELD);
		EQUAL(event.cr3, before.cr3);
		EQUAL(*word, 5);
	}
	EQUAL(give(&event, HADAL_ANSWER_SKIP), -EOPNOTSUPP);
	EQUAL(give(&event, HADAL_ANSWER_GO_ON), 0);
	EQUAL(status_of(child), 0);
	unsubscribe_from(events, number);
	/* What is done without a step: the instruction behind it is one. */
	asked = holding(to_cstar(), LONG);
	number = subscribe_to(events, &asked);
	child = start_on(1, read_one);
	event = next_held();
	before = event;
	event = step_from(&before);
	CHECK(event.rip != before.rip + 2);
	EQUAL(give(&event, HADAL_ANSWER_GO_ON), 0);
	EQUAL(status_of(child), 0);
	unsubscribe_from(events, number);
}

extern char broken[], broken_end[];
int call_broken(void);

__asm__(".globl call_broken, broken, broken_end\n"
	"call_broken:\n"
	"broken: nop\n\tmovl $1, %eax\nbroken_end: ret");

static void check_breakpoint(void)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_BREAK,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = (uintptr_t)broken,
					   .count = 1};
	struct hadal_event_answer given;
	struct hadal_event event;
	uint32_t number;
	int child;

	CHECK(call_broken() == 1); /* its page is there */
	asked = holding(asked, LONG);
	number = subscribe_to(events, &asked);
	child = start_on(1, call_broken);
	event = next_held();
	EQUAL(event.rip, (uintptr_t)broken);
	given = answer_to(&event, HADAL_ANSWER_GO_ON);
	given.set.mask = 1ull << HADAL_REG_RAX | 1ull << HADAL_REG_RIP;
	given.set.values.rax = 42;
	given.set.values.rip = (uintptr_t)broken_end;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	EQUAL(status_of(child), 42);
	child = start_on(1, call_broken);
	event = next_held();
	EQUAL(give(&event, HADAL_ANSWER_GO_ON), 0);
	EQUAL(status_of(child), 1);
	unsubscribe_from(events, number);
}

/* After three answers that do not come in time it only records. */
static void check_deadline(void)
{
	struct hadal_subscription asked = holding(to_cstar(), 0);
	struct hadal_event event;
	uint32_t number;
	int child;

	number = subscribe_to(events, &asked);
	child = start_on(1, read_msrs);
	EQUAL(status_of(child), 0);
	for (unsigned int i = 0; i < 3; i++)
		event = next_held();
	EQUAL(give(&event, HADAL_ANSWER_GO_ON), -ETIMEDOUT);
	event = next_event();
	EQUAL(event.kind, HADAL_EVENT_NOTICE);
	EQUAL(event.number, HADAL_NOTICE_DEGRADED);
	for (unsigned int i = 0; i < TIMES - 3; i++)
		EQUAL(next_event().flags, 0);
	EQUAL(state_of(events, number).held, 3);
	EQUAL(state_of(events, number).timeouts, 3);
	EQUAL(state_of(events, number).late, 1);
	unsubscribe_from(events, number);
}

/* Neither what the reader does itself, nor what happens on its CPU. */
static void check_never(void)
{
	struct hadal_subscription asked = holding(to_cstar(), LONG);
	uint32_t number = subscribe_to(events, &asked);
	int child;

	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	EQUAL(next_event().flags, 0);
	pin_to_cpu(1);
	have_done(device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	EQUAL(next_event().flags, 0);
	pin_to_cpu(0);
	child = start_on(0, read_msrs);
	for (unsigned int i = 0; i < TIMES; i++)
		EQUAL(next_event().flags, 0);
	EQUAL(status_of(child), 0);
	EQUAL(state_of(events, number).held, 0);
	unsubscribe_from(events, number);
	asked = (struct hadal_subscription){.kind = HADAL_EVENT_REQUEST,
					    .access = HADAL_ACCESS_EXECUTE,
					    .first = 7,
					    .count = 1};
	asked = holding(asked, 0);
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
	asked = holding(to_cstar(), LONG + 1);
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EINVAL);
}

static int done[2];

/* Late enough for a reader that opens the device after the fork: this one has not its file. */
static int read_later(void)
{
	usleep(500000);
	read_one();
	return write(done[1], "x", 1) != 1;
}

/* Seconds until a vCPU goes on whose reader is killed. */
static double kill_reader(const struct hadal_subscription *asked)
{
	int child, victim, status;
	double start;
	char byte;

	victim = start_on(1, read_later);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK(!hadal_events_open(&events, RING_BYTES, &error));
		subscribe_to(events, asked);
		next_held();
		raise(SIGKILL);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status));
	start = seconds_now();
	CHECK(read(done[0], &byte, 1) == 1);
	start = seconds_now() - start;
	EQUAL(status_of(victim), 0);
	return start;
}

/* It goes on when the reader is killed, or Hadal stopped. A busy host may hold it too. */
static void check_ends(void)
{
	struct hadal_subscription asked = holding(to_cstar(), LONG);
	double start, seconds = 1;
	int victim;

	CHECK(!pipe(done));
	hadal_events_close(events);
	for (int i = 0; i < 3 && seconds >= 0.5; i++)
		seconds = kill_reader(&asked);
	printf("went on %.3f s after the reader was killed\n", seconds);
	CHECK(seconds < 0.5);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	EQUAL(hadal_events_state_at(events, 0, &(struct hadal_subscription_state){0}, &error),
	      -ENOENT);

	subscribe_to(events, &asked);
	victim = start_on(1, read_one);
	next_held();
	start = seconds_now();
	CHECK(!system("hadal stop >/dev/null"));
	EQUAL(status_of(victim), 0);
	printf("stopped %.3f s after a vCPU was held\n", seconds_now() - start);
	CHECK(!system("hadal start >/dev/null"));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	device = ring0_open(&arena);
	pin_to_cpu(0);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_go_on();
	check_skip();
	check_value();
	check_exception();
	check_memory();
	check_step();
	check_breakpoint();
	check_deadline();
	check_never();
	check_ends();
	hadal_events_close(events);
	return 0;
}
