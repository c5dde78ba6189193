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
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "events/events.h"
#include "module/hadal_test.h"
#include "support/check.h"
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
	EQUAL(last.bytes, sizeof(last) + sizeof(struct hadal_event_registers) + 16 + 64);
	EQUAL(end(number).filtered, TIMES - TIMES / 10);

	asked.action = HADAL_ACTION_COUNT;
	number = subscribe(&asked);
	act(HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(read_all(number), 0);
	EQUAL(end(number).hits, TIMES);
}

/* A ring that nobody reads is full at last, and every record that it has no room for is counted. */
static void check_overflow(void)
{
	struct hadal_subscription asked = marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription_state state;
	uint64_t lost = hadal_events_lost(events);
	unsigned int fits = RING_BYTES / sizeof(struct hadal_event);
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
	REFUSED(asked.capture = 8, -EINVAL);
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
		mmap(NULL, HADAL_EVENTS_TAILS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
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
	munmap(tails, HADAL_EVENTS_TAILS_BYTES);
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
	check_filters();
	check_overflow();
	check_refusals();
	check_tail();
	check_wait();
	check_kill();
	hadal_events_close(events);
	return 0;
}
