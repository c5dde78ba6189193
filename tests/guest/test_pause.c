// SPDX-License-Identifier: MIT
/* A CPU is paused, its registers are set, and it goes on, however its pauser ends. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"
#include "support/open.h"
#include "support/ring0.h"

#define LONG_MS  10000
#define SHORT_MS 200

/* What a thread on CPU 1 does: count, until its RBX is set. */
static volatile uint64_t counter;
static uint64_t found_rbx, found_r12;
extern char spin_start[], spin_end[], spin_other[];

static struct hadal *hadal;
static struct arena arena;
static struct hadal_error error;

static void *spin(void *unused)
{
	uint64_t rbx = 0, r12 = 0x12;

	pin_to_cpu(1);
	__asm__ volatile(".globl spin_start, spin_end, spin_other\n"
			 "spin_start: incq %2\n"
			 "test %%rbx, %%rbx\n"
			 "jz spin_start\n"
			 "spin_end: jmp 1f\n"
			 "spin_other: mov $0x77, %%rbx\n"
			 "1:"
			 : "+b"(rbx), "+r"(r12), "+m"(counter)::"cc");
	found_rbx = rbx;
	found_r12 = r12;
	return unused;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static bool counts(double seconds)
{
	uint64_t before = counter;
	double start = now();

	while (now() - start < seconds)
		if (counter != before)
			return true;
	return false;
}

/* The thread's registers as it spins: other things run on its CPU as well. */
static void pause_spinning(struct hadal_regs *regs)
{
	for (;;) {
		EQUAL(hadal_pause(hadal, 1, LONG_MS, &error), 0);
		EQUAL(hadal_regs(hadal, 1, regs, &error), 0);
		if (regs->rip >= (uintptr_t)spin_start && regs->rip < (uintptr_t)spin_end)
			return;
		EQUAL(hadal_resume(hadal, 1, &error), 0);
		usleep(1000);
	}
}

static void same(const struct hadal_regs *a, const struct hadal_regs *b)
{
	const uint64_t *before = (const void *)a, *after = (const void *)b;
	bool bad = false;

	for (size_t i = 0; i < sizeof(*a) / 8; i++)
		if (before[i] != after[i]) {
			printf("word %zu of the registers was %#lx and is %#lx\n", i, before[i],
			       after[i]);
			bad = true;
		}
	CHECK(!bad);
}

static int set_one(enum hadal_reg reg, struct hadal_regs *values)
{
	struct hadal_set_regs set = {.mask = 1ull << reg, .values = *values};

	return hadal_set_regs(hadal, 1, &set, &error);
}

static void start_spinning(pthread_t *thread)
{
	counter = 0;
	CHECK(!pthread_create(thread, NULL, spin, NULL));
	while (!counter)
		usleep(1000);
}

static void test_set(void)
{
	struct hadal_regs regs, again;
	pthread_t thread;

	start_spinning(&thread);
	pause_spinning(&regs);
	CHECK(!counts(0.05));
	/* It answers meanwhile, and stays where it is. */
	EQUAL(ring0_call(HADAL_CALL_MAP, arena.physical, arena.physical + PAGE, 0, 0, 0), 0);
	EQUAL(ring0_call(HADAL_CALL_UNMAP, arena.physical, 0, 0, 0, 0), 0);
	EQUAL(hadal_regs(hadal, 1, &again, &error), 0);
	same(&regs, &again);
	EQUAL(hadal_pause(hadal, 1, SHORT_MS, &error), -EEXIST);
	regs.rbx = 0x5555000000000001;
	EQUAL(set_one(3, &regs), 0);
	EQUAL(hadal_regs(hadal, 1, &again, &error), 0);
	same(&regs, &again);
	EQUAL(hadal_resume(hadal, 1, &error), 0);
	EQUAL(hadal_resume(hadal, 1, &error), -ENOENT);
	pthread_join(thread, NULL);
	EQUAL(found_rbx, 0x5555000000000001);
	EQUAL(found_r12, 0x12);

	start_spinning(&thread);
	pause_spinning(&regs);
	regs.rip = (uintptr_t)spin_other;
	EQUAL(set_one(HADAL_REG_RIP, &regs), 0);
	EQUAL(hadal_resume(hadal, 1, &error), 0);
	pthread_join(thread, NULL);
	EQUAL(found_rbx, 0x77);
}

static void test_who_may_not(void)
{
	struct hadal_set_regs set = {.mask = 1};
	struct hadal *other;

	EQUAL(hadal_pause(hadal, 0, SHORT_MS, &error), -EDEADLK);
	EQUAL(hadal_pause(hadal, 2, SHORT_MS, &error), -ENXIO);
	EQUAL(hadal_pause(hadal, 1, 0, &error), -EINVAL);
	EQUAL(hadal_pause(hadal, 1, HADAL_PAUSE_MS_MAX + 1, &error), -EINVAL);
	EQUAL(hadal_set_regs(hadal, 1, &set, &error), -EBUSY);
	EQUAL(hadal_set_regs(hadal, 0, &set, &error), -EBUSY);
	/* Before the pause, and closed behind it: what unmaps memory may wait for the other CPU. */
	other = open_hadal();
	EQUAL(hadal_pause(hadal, 1, LONG_MS, &error), 0);
	EQUAL(hadal_set_regs(other, 1, &set, &error), -EBUSY);
	EQUAL(hadal_pause(other, 1, SHORT_MS, &error), -EEXIST);
	EQUAL(hadal_resume(other, 1, &error), -ENOENT);
	set.mask = 1ull << HADAL_REG_COUNT;
	EQUAL(hadal_set_regs(hadal, 1, &set, &error), -EINVAL);
	EQUAL(hadal_resume(hadal, 1, &error), 0);
	hadal_close(other);
}

/* Every kind of value that is refused; nothing changes, also not what could have been set. */
static void test_refused(void)
{
	static const struct {
		enum hadal_reg reg;
		size_t offset;
		uint64_t value;
	} wrong[] = {
#define WRONG(reg, member, value) {HADAL_REG_##reg, offsetof(struct hadal_regs, member), value}
		WRONG(RIP, rip, 0x800000000000),
		WRONG(RFLAGS, rflags, 0),
		WRONG(RFLAGS, rflags, 0x20002),
		WRONG(RFLAGS, rflags, 1ull << 40 | 2),
		WRONG(CR0, cr0, 0x50033),
		WRONG(CR0, cr0, 0xa0050033),
		WRONG(CR0, cr0, 1ull << 32 | 0x80050033),
		WRONG(CR3, cr3, 1ull << 60),
		WRONG(CR4, cr4, 0),
		WRONG(CR4, cr4, 1ull << 40 | 0x20),
		WRONG(CR8, cr8, 16),
		WRONG(DR6, dr6, 1ull << 32 | 0xffff0ff0),
		WRONG(DR7, dr7, 1ull << 32 | 0x400),
		WRONG(DR7, dr7, 0),
		WRONG(ES, es.base, 1ull << 32),
		WRONG(CS, cs.attributes, 0),
		WRONG(SS, ss.base, 1ull << 63),
		WRONG(FS, fs.base, 1ull << 63),
		WRONG(GS, gs.base, 0x7fff800000000000),
		WRONG(LDTR, ldtr.base, 1ull << 62),
		WRONG(TR, tr.attributes, 0),
		WRONG(GDTR_BASE, gdtr_base, 1ull << 63),
		WRONG(IDTR_BASE, idtr_base, 1ull << 63),
		WRONG(GDTR_LIMIT, gdtr_limit, 0x10000),
		WRONG(IDTR_LIMIT, idtr_limit, 0x10000),
		WRONG(EFER, efer, 0),
		WRONG(EFER, efer, 1ull << 50 | 0xd01),
		WRONG(LSTAR, lstar, 1ull << 63),
		WRONG(CSTAR, cstar, 1ull << 63),
		WRONG(SFMASK, sfmask, 1ull << 32),
		WRONG(KERNEL_GS_BASE, kernel_gs_base, 1ull << 63),
		WRONG(SYSENTER_CS, sysenter_cs, 1ull << 32),
		WRONG(SYSENTER_ESP, sysenter_esp, 1ull << 63),
		WRONG(SYSENTER_EIP, sysenter_eip, 1ull << 63),
		WRONG(PAT, pat, 2),
		WRONG(TSC_AUX, tsc_aux, 1ull << 32),
		WRONG(XCR0, xcr0, 0),
		WRONG(XCR0, xcr0, 5),
	};
	struct hadal_regs before, after;

	EQUAL(hadal_pause(hadal, 1, LONG_MS, &error), 0);
	EQUAL(hadal_regs(hadal, 1, &before, &error), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct hadal_set_regs set = {.mask = 1ull << wrong[i].reg | 1 | 1ull << 15,
					     .values = before};
		const char *name = hadal_reg_name(wrong[i].reg);

		memcpy((char *)&set.values + wrong[i].offset, &wrong[i].value,
		       wrong[i].reg == HADAL_REG_CS || wrong[i].reg == HADAL_REG_TR ? 2 : 8);
		set.values.rax = set.values.r15 = 0x1234;
		int result = hadal_set_regs(hadal, 1, &set, &error);

		if (result != -ERANGE)
			printf("%s %#lx is not refused but %d: %s\n", name, wrong[i].value, result,
			       error.text),
				exit(1);
		CHECK(strstr(error.text, name));
		EQUAL(hadal_regs(hadal, 1, &after, &error), 0);
		same(&before, &after);
	}
	EQUAL(hadal_resume(hadal, 1, &error), 0);
}

/* What its limit ends goes on by itself, and the log tells. */
static void test_limit(void)
{
	struct hadal_set_regs set = {.mask = 0};
	double start = now();

	EQUAL(hadal_pause(hadal, 1, SHORT_MS, &error), 0);
	CHECK(!counts(0.02));
	CHECK(counts(60));
	CHECK(now() - start >= SHORT_MS / 1000.0 * 0.8);
	EQUAL(hadal_set_regs(hadal, 1, &set, &error), -EBUSY);
	EQUAL(hadal_resume(hadal, 1, &error), -ENOENT);
}

/*
 * A pauser that is killed takes its pause with it, long before the limit. It has memory of its own:
 * what changed in the spinning program's would wait for CPU 1.
 */
static void test_kill(void)
{
	char *const arguments[] = {"test_pause", "hold", NULL};
	posix_spawn_file_actions_t actions;
	double start;
	int pipes[2];
	pid_t child;
	char byte;
	const struct sched_param others = {.sched_priority = 0};

	/* The pauser has to run on this CPU to end. */
	CHECK(!sched_setscheduler(0, SCHED_OTHER, &others));
	CHECK(!pipe(pipes));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	CHECK(!posix_spawn(&child, "/proc/self/exe", &actions, NULL, arguments, environ));
	CHECK(read(pipes[0], &byte, 1) == 1);
	CHECK(!counts(0.02));
	start = now();
	kill(child, SIGKILL);
	CHECK(counts(60));
	CHECK(now() - start < LONG_MS / 1000.0 / 2);
	waitpid(child, NULL, 0);
}

/* Work of the kernel's that comes in between a pause may wait for all CPUs, until the limit. */
static void come_first(void)
{
	const struct sched_param first = {.sched_priority = 1};

	CHECK(!sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first));
}

int main(int argc, char **argv)
{
	pthread_t thread;

	pin_to_cpu(0);
	come_first();
	ring0_open(&arena);
	hadal = open_hadal();
	if (argc > 1 && !strcmp(argv[1], "hold")) { /* until somebody stops Hadal */
		EQUAL(hadal_pause(hadal, 1, LONG_MS, &error), 0);
		puts("holds");
		fflush(stdout);
		for (;;)
			pause();
	}
	test_set();
	test_who_may_not();
	test_refused();
	start_spinning(&thread);
	test_limit();
	test_kill();
	return 0;
}
