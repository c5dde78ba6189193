// SPDX-License-Identifier: MIT
/* A process that does many kinds of things and knows what must come of each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "../unit/random.h"
#include "support/check.h"
#include "support/ring0.h"
#include "support/scene.h"

#define MAPPED_PAGES 16u

struct worker {
	const struct scene *scene;
	unsigned int cpu;
	uint64_t random;
	const char *program;
	int memory; /* /proc/self/mem */
	uint64_t *patterns;
	uint64_t scratch[4];
};

static volatile unsigned int traps, illegal, told;

static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)info;
	if (number == SIGTRAP)
		traps++;
	if (number == SIGUSR1)
		told++;
	if (number != SIGILL)
		return;
	illegal++;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void do_patterns(struct worker *w)
{
	uint64_t seed = random_next(&w->random), value = seed;
	size_t words = SCENE_PATTERNS * PAGE / 8, step = 1 + random_below(&w->random, 64);

	for (size_t i = 0; i < words; i += step)
		w->patterns[i] = random_next(&value);
	value = seed;
	for (size_t i = 0; i < words; i += step)
		EQUAL(w->patterns[i], random_next(&value));
	memmove(w->patterns + 1, w->patterns, 4096);
	value = seed;
	for (size_t i = 0; i < 512; i += step)
		EQUAL(w->patterns[i + 1], random_next(&value));
}

static void do_calls(struct worker *w)
{
	pid_t parent = getppid();

	for (unsigned int i = 0; i < 50; i++)
		EQUAL(syscall(SYS_getppid), parent);
	EQUAL(syscall(SYS_read, -1, w->scratch, 8), -1);
	EQUAL(errno, EBADF);
}

static void do_pipe(struct worker *w)
{
	uint64_t sent[64], got[64];
	int ends[2];

	for (unsigned int i = 0; i < 64; i++)
		sent[i] = random_next(&w->random);
	CHECK(!pipe(ends));
	EQUAL(write(ends[1], sent, sizeof(sent)), sizeof(sent));
	EQUAL(read(ends[0], got, sizeof(got)), sizeof(got));
	CHECK(!memcmp(sent, got, sizeof(sent)));
	close(ends[0]);
	close(ends[1]);
}

static void do_signals(struct worker *w)
{
	unsigned int before[3] = {told, traps, illegal}, times = 1 + random_below(&w->random, 8);

	for (unsigned int i = 0; i < times; i++) {
		kill(getpid(), SIGUSR1);
		__asm__ volatile("int3" ::: "memory");
		__asm__ volatile("ud2" ::: "memory");
	}
	EQUAL(told - before[0], times);
	EQUAL(traps - before[1], times);
	EQUAL(illegal - before[2], times);
}

static void do_mappings(struct worker *w)
{
	uint64_t seed = random_next(&w->random), value = seed;
	uint64_t *at = mmap(NULL, MAPPED_PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(at != MAP_FAILED);
	for (size_t i = 0; i < MAPPED_PAGES; i++)
		at[i * 512 + i] = random_next(&value);
	CHECK(!mprotect(at, PAGE, PROT_READ));
	value = seed;
	for (size_t i = 0; i < MAPPED_PAGES; i++)
		EQUAL(at[i * 512 + i], random_next(&value));
	EQUAL(at[1], 0);
	CHECK(!munmap(at, MAPPED_PAGES * PAGE));
}

static uint64_t mixed(uint64_t seed)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 1000; i++)
		sum ^= random_next(&seed) + sum * 3;
	return sum;
}

int worker_child(uint64_t seed)
{
	return mixed(seed) % 100;
}

static void do_fork(struct worker *w)
{
	uint64_t seed = random_next(&w->random) | 1;
	bool runs = !random_below(&w->random, 4);
	char text[32];
	pid_t child;
	int status;

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)seed);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		w->patterns[0] = seed;
		if (runs)
			execl(w->program, w->program, "child", text, NULL);
		_exit(worker_child(seed));
	}
	EQUAL(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), worker_child(seed));
	EQUAL(w->patterns[0], seed);
}

static void do_text(struct worker *w)
{
	uint8_t seen[2 * PAGE];

	CHECK(victim_reads_right(&w->scene->victim));
	EQUAL(pread(w->memory, seen, sizeof(seen), (uintptr_t)w->scene->victim.pages),
	      sizeof(seen));
	CHECK(!memcmp(seen, w->scene->victim.pages, 2 * PAGE - 8 * VICTIM_WORDS));
}

static void do_victim(struct worker *w)
{
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int piece = random_below(&w->random, victim_pieces());

		CHECK(victim_call(&w->scene->victim, piece, random_next(&w->random), w->scratch));
	}
	/* The code's own page is written. */
	w->scene->victim.words[w->cpu] = w->random;
	EQUAL(w->scene->victim.words[w->cpu], w->random);
}

static void do_atomic(struct worker *w)
{
	struct shared_scene *shared = w->scene->shared;
	unsigned int times = random_below(&w->random, 50);

	for (unsigned int i = 0; i < times; i++) {
		__atomic_fetch_add(&shared->added, 3, __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&w->scene->victim.words[8], 5, __ATOMIC_SEQ_CST);
	}
	shared->to_add[w->cpu] += times;
}

static void do_numbers(struct worker *w)
{
	double sum = 0, product = 1;

	for (unsigned int i = 1; i < 500; i++) {
		sum += i;
		product = product * 2 > 1e9 ? 1 : product * 2;
	}
	CHECK(sum == 124750 && product > 0);
	EQUAL(mixed(w->random), mixed(w->random));
}

typedef void (*worker_fn)(struct worker *);
static const worker_fn deeds[] = {
	do_patterns, do_calls,  do_pipe,   do_signals, do_mappings, do_fork,
	do_text,     do_victim, do_victim, do_atomic,  do_numbers,
};

int worker_run(const struct scene *scene, unsigned int cpu, uint64_t random, const char *program)
{
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct worker w = {
		.scene = scene,
		.cpu = cpu,
		.random = random,
		.program = program,
		.memory = open("/proc/self/mem", O_RDONLY),
		.patterns = (uint64_t *)(scene->patterns + cpu * SCENE_PATTERNS * PAGE),
	};

	CHECK(w.memory >= 0);
	pin_to_cpu(cpu % scene->cpus);
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	while (!scene->shared->stop) {
		deeds[random_below(&w.random, sizeof(deeds) / sizeof(deeds[0]))](&w);
		scene->shared->rounds[cpu]++;
	}
	return 0;
}
