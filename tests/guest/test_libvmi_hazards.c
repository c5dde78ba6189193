// SPDX-License-Identifier: MIT
/*
 * What could go wrong while a page shows another one: programs end, fork, unmap and move it, other
 * CPUs and clients see it, the table is full. Run it with hadal exec, below test_ram.
 * "test_libvmi_hazards outsider", without hadal exec: what programs see that were not let in.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/page_set.h"
#include "support/check.h"
#include "support/hazards.h"
#include "support/libvmi.h"

#define NOBODY      65534
#define ENDING_WITH 100 /* pages mapped */
/* As many instances of LibVMI at a time as there may be, and the pages that each keeps. */
#define INSTANCES 64
#define CACHE     512

enum ending { END_KILL, END_EXIT, END_EXEC, END_CRASH, END_COUNT };

static uint64_t map(const volatile void *page, uint64_t physical)
{
	return vmi_call(VMI_MAP, (uintptr_t)page, physical, DOM0);
}

static void map_and_end(int ending)
{
	volatile uint8_t *pages = vmi_pages(ENDING_WITH);

	for (int i = 0; i < ENDING_WITH; i++) {
		vmi_physical(pages + i * PAGE);
		vmi_map(pages + i * PAGE, target_physical);
		target_check(pages + i * PAGE);
	}
	switch (ending) {
	case END_KILL:
		kill(getpid(), SIGKILL);
		break;
	case END_EXIT:
		break;
	case END_EXEC:
		execl("/bin/true", "true", NULL);
		break;
	default:
		abort();
	}
}

static void test_ends(void)
{
	for (int ending = 0; ending < END_COUNT; ending++) {
		int status = end_of(start(map_and_end, ending));

		if (ending == END_KILL)
			EQUAL(WTERMSIG(status), SIGKILL);
		else if (ending == END_CRASH)
			EQUAL(WTERMSIG(status), SIGABRT);
		else
			EQUAL(status, 0);
		EQUAL(mapped_pages(), 0);
		churn();
	}
}

/* The memory goes, or moves away, while it shows another page. */
static void test_unmapping(void)
{
	volatile uint8_t *pages = vmi_pages(3);
	uint64_t own[3];

	for (int i = 0; i < 3; i++) {
		own[i] = vmi_physical(pages + i * PAGE);
		vmi_map(pages + i * PAGE, target_physical);
	}
	CHECK(!munmap((void *)pages, PAGE));
	CHECK(!madvise((void *)(pages + PAGE), PAGE, MADV_DONTNEED));
	CHECK(mremap((void *)(pages + 2 * PAGE), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     pages) == pages);
	churn();
	/* A restore that comes late restores nothing, and gives away nothing. */
	pages[PAGE] = 0x33;
	vmi_restore(pages + PAGE, own[1]);
	EQUAL(pages[PAGE], 0x33);
	pages[PAGE + 1] = 0x44;
	EQUAL(vmi_physical(pages) != 0, 1);
	vmi_restore(pages, own[2]);
	EQUAL(pages[0], 0x11);
	memset((void *)pages, 0x55, 2 * PAGE);
	churn();
	munmap((void *)pages, 2 * PAGE);
	EQUAL(mapped_pages(), 0);
}

static volatile uint8_t *inherited;
static uint64_t inherited_physical;

static void use_inherited(int unused)
{
	(void)unused;
	inherited[9] = 99; /* a copy of its own */
	vmi_restore(inherited, inherited_physical);
	EQUAL(inherited[9], 99);
	memset((void *)inherited, 0x77, PAGE);
	/* And it may introspect like any other client. */
	inherited_physical = vmi_physical(inherited);
	vmi_map(inherited, target_physical);
	target_check(inherited);
	vmi_restore(inherited, inherited_physical);
	EQUAL(inherited[9], 0x77);
	vmi_map(inherited, target_physical);
}

static void test_fork(void)
{
	inherited = vmi_pages(1);
	inherited_physical = vmi_physical(inherited);
	vmi_map(inherited, target_physical);
	EQUAL(end_of(start(use_inherited, 0)), 0);
	churn();
	target_check(inherited);
	vmi_restore(inherited, inherited_physical);
	EQUAL(inherited[9], 0x11);
	EQUAL(mapped_pages(), 0);
	munmap((void *)inherited, PAGE);
}

/* A client that has a page show the target until it is killed; it tells when. */
static void show_target(int tell)
{
	volatile uint8_t *page = vmi_pages(1);

	vmi_physical(page);
	vmi_map(page, target_physical);
	target_check(page);
	CHECK(write(tell, "", 1) == 1);
	pause();
}

static pid_t start_showing(void)
{
	int said[2];
	pid_t child;
	char byte;

	CHECK(!pipe(said));
	child = start(show_target, said[1]);
	CHECK(read(said[0], &byte, 1) == 1);
	close(said[0]);
	close(said[1]);
	return child;
}

/* Two clients, and a third page of this one's, show the same page; each ends by itself. */
static void test_two_clients(void)
{
	volatile uint64_t *page = (uint64_t *)vmi_pages(1);
	uint64_t own = vmi_physical(page);
	pid_t first = start_showing(), second = start_showing();

	vmi_map(page, target_physical);
	EQUAL(mapped_pages(), 3);
	kill(first, SIGKILL);
	EQUAL(WTERMSIG(end_of(first)), SIGKILL);
	churn();
	EQUAL(mapped_pages(), 2);
	target_check(page);
	page[3] = 1;
	EQUAL(target[3], 1);
	page[3] = TARGET_WORD(3);
	vmi_restore(page, own);
	EQUAL(page[3], 0x1111111111111111);
	EQUAL(mapped_pages(), 1);
	kill(second, SIGKILL);
	EQUAL(WTERMSIG(end_of(second)), SIGKILL);
	EQUAL(mapped_pages(), 0);
	churn();
	munmap((void *)page, PAGE);
}

static volatile uint64_t *watched;
static uint64_t seen_wrong, seen_target;
static volatile int turn; /* odd while the page changes; -1 ends */

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
}

static void *watch(void *unused)
{
	pin(1);
	for (int before; (before = __atomic_load_n(&turn, __ATOMIC_SEQ_CST)) >= 0;) {
		uint64_t word = watched[1];

		if (before % 2 || __atomic_load_n(&turn, __ATOMIC_SEQ_CST) != before)
			continue;
		seen_target += before % 4 != 0;
		seen_wrong += word != (before % 4 ? TARGET_WORD(1) : 0x1111111111111111);
	}
	return unused;
}

static void step(void)
{
	__atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
}

/* A thread on another CPU that reads all the time sees a change before the request is done. */
static void test_other_cpu(void)
{
	uint64_t own;
	pthread_t watcher;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return;
	watched = (uint64_t *)vmi_pages(1);
	own = vmi_physical(watched);
	pin(0);
	CHECK(!pthread_create(&watcher, NULL, watch, NULL));
	for (int i = 0; i < 100; i++) {
		step();
		vmi_map(watched, i % 2 ? own : target_physical);
		step();
		usleep(i % 16 ? 0 : 1000); /* also when both CPUs are one of a busy host */
	}
	__atomic_store_n(&turn, -1, __ATOMIC_SEQ_CST);
	CHECK(!pthread_join(watcher, NULL));
	EQUAL(seen_wrong, 0);
	CHECK(seen_target);
	munmap((void *)watched, PAGE);
}

/* As many pages as there is room for, then one more, which fails and changes nothing. */
static void fill_table(int unused)
{
	int others = mapped_pages(), room = PAGE_SET_MAX - known_pages();
	volatile uint8_t *pages = vmi_pages(room + 1), *last = pages + room * PAGE;
	uint64_t own = vmi_physical(pages);

	(void)unused;
	for (int i = 0; i < room; i++) {
		*(volatile int *)(pages + i * PAGE) = i;
		vmi_map(pages + i * PAGE, target_physical);
	}
	EQUAL(mapped_pages(), others + room);
	for (int again = 0; again < 2; again++) {
		EQUAL(map(last, target_physical), 1);
		for (unsigned int i = 0; i < PAGE; i++)
			EQUAL(last[i], 0x11);
	}
	for (int i = 0; i < room; i++)
		EQUAL(((volatile uint64_t *)(pages + i * PAGE))[1], TARGET_WORD(1));
	/* One that has served makes room. */
	vmi_restore(pages, own);
	EQUAL(*(volatile int *)pages, 0);
	vmi_map(last, target_physical);
	target_check(last);
	EQUAL(mapped_pages(), others + room);
	for (int i = 1; i < room; i++) {
		vmi_restore(pages + i * PAGE, vmi_physical(pages + i * PAGE));
		EQUAL(*(volatile int *)(pages + i * PAGE), i);
	}
	EQUAL(mapped_pages(), others + 1);
}

static int filled[2], go_on[2];

/* Has as many pages show the target, and tells so; then some of them are restored. */
static void fill_cache(int number)
{
	volatile uint8_t *pages = vmi_pages(CACHE);
	char byte;

	close(go_on[1]);
	for (int i = 0; i < CACHE; i++) {
		*(volatile int *)(pages + i * PAGE) = number + i;
		vmi_map(pages + i * PAGE, target_physical);
	}
	CHECK(write(filled[1], "", 1) == 1);
	CHECK(!read(go_on[0], &byte, 1));
	for (int i = 0; i < CACHE; i++)
		EQUAL(((volatile uint64_t *)(pages + i * PAGE))[1], TARGET_WORD(1));
	for (int i = number % 2; i < CACHE; i += 2) {
		vmi_restore(pages + i * PAGE, vmi_physical(pages + i * PAGE));
		EQUAL(*(volatile int *)(pages + i * PAGE), number + i);
	}
}

/* All instances find room, and beside them one more client fills the table; then all of them go. */
static void test_full_table(void)
{
	pid_t instance[INSTANCES];
	char byte;

	CHECK(!pipe(filled) && !pipe(go_on));
	for (int i = 0; i < INSTANCES; i++)
		instance[i] = start(fill_cache, i);
	for (int i = 0; i < INSTANCES; i++)
		CHECK(read(filled[0], &byte, 1) == 1);
	EQUAL(mapped_pages(), INSTANCES * CACHE);
	for (int again = 0; again < 2; again++) {
		EQUAL(end_of(start(fill_table, 0)), 0);
		EQUAL(mapped_pages(), INSTANCES * CACHE);
	}
	close(go_on[1]);
	for (int i = 0; i < INSTANCES; i++)
		EQUAL(end_of(instance[i]), 0);
	EQUAL(mapped_pages(), 0);
	churn();
}

static void be_outsider(int is_root)
{
	struct vmi_registers r = {.rax = 0x40001337};

	if (!is_root)
		CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	vmi_cpuid(&r);
	CHECK((uint32_t)r.rax != 42 || (uint32_t)r.rbx != 42);
	CHECK(is_root || open("/dev/hadal", O_RDWR) < 0);
	vmi_call(VMI_ACK, 0, 0, DOM0); /* ends it */
}

/* A program that was not let in, while others are. */
static void test_outsiders(void)
{
	for (int is_root = 0; is_root < 2; is_root++) {
		int status = end_of(start(be_outsider, is_root));

		CHECK(WIFSIGNALED(status));
		EQUAL(WTERMSIG(status), SIGILL);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "outsider")) {
		test_outsiders();
		return 0;
	}
	target_write();
	test_ends();
	test_unmapping();
	test_fork();
	test_two_clients();
	test_other_cpu();
	test_full_table();
	return 0;
}
