// SPDX-License-Identifier: MIT
/*
 * test_libvmi_hazards SECONDS: what could go wrong while a page shows another one. Run it with
 * hadal exec. A large part of RAM holds a known content, which has to be there at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hadal.h"
#include "support/check.h"
#include "support/libvmi.h"

#define MADV_COLLAPSE_NUMBER 25 /* Linux 6.1 has it, the C library's headers do not */
#define HUGE                 (2ull << 20)
#define NOBODY               65534

/* RAM whose content is checked at the end. */
#define FILL_BYTES (96ull << 20)
/* What is mapped and disturbed. */
#define REGION_PAGES (4 * HUGE / PAGE)

static uint64_t *fill;
static volatile uint64_t *target;
static uint64_t target_physical;

#define TARGET_WORD 0x7461726765740000ull

static uint64_t fill_word(uint64_t i)
{
	return i * 0x9e3779b97f4a7c15ull;
}

static void fill_write(void)
{
	fill = (uint64_t *)vmi_pages(FILL_BYTES / PAGE);
	for (uint64_t i = 0; i < FILL_BYTES / 8; i++)
		fill[i] = fill_word(i);
}

static void fill_check(void)
{
	for (uint64_t i = 0; i < FILL_BYTES / 8; i++)
		EQUAL(fill[i], fill_word(i));
}

static void target_check(void)
{
	for (uint64_t i = 0; i < PAGE / 8; i++)
		EQUAL(target[i], TARGET_WORD + i);
}

static void target_write(void)
{
	target = (uint64_t *)vmi_pages(1);
	for (uint64_t i = 0; i < PAGE / 8; i++)
		target[i] = TARGET_WORD + i;
	target_physical = vmi_physical(target);
}

static uint64_t mapped_pages(void)
{
	struct hadal *hadal;
	struct hadal_client_info clients[8];
	struct hadal_info info;

	CHECK(!hadal_open(&hadal, NULL));
	/* This lets go of pages that are in no address space any more. */
	CHECK(hadal_clients(hadal, clients, 8, NULL) > 0);
	CHECK(!hadal_info(hadal, &info, NULL));
	hadal_close(hadal);
	return info.mapped_pages;
}

static pid_t start(void (*run)(int), int argument)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (child)
		return child;
	run(argument);
	_exit(0);
}

static int end_of(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static void allocate(int megabytes)
{
	uint8_t *pages = vmi_pages(((size_t)megabytes << 20) / PAGE);

	memset(pages, 0xee, (size_t)megabytes << 20);
}

/* Frames that were let go of are used again, zeroed or written. */
static void churn(void)
{
	for (int i = 0; i < 3; i++)
		EQUAL(end_of(start(allocate, 64)), 0);
	target_check();
}

enum ending { END_KILL, END_EXIT, END_EXEC, END_CRASH, END_COUNT };

static void map_and_end(int ending)
{
	volatile uint8_t *pages = vmi_pages(300);

	for (int i = 0; i < 300; i++) {
		vmi_physical(pages + i * PAGE);
		vmi_map(pages + i * PAGE, target_physical);
		EQUAL(*(volatile uint64_t *)(pages + i * PAGE), TARGET_WORD);
	}
	switch (ending) {
	case END_KILL:
		kill(getpid(), SIGKILL);
		break;
	case END_EXIT:
		exit(0);
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
	target_check();
	/* And it may introspect like any other client. */
	inherited_physical = vmi_physical(inherited);
	vmi_map(inherited, target_physical);
	EQUAL(*(volatile uint64_t *)inherited, TARGET_WORD);
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
	EQUAL(*(volatile uint64_t *)inherited, TARGET_WORD);
	vmi_restore(inherited, inherited_physical);
	EQUAL(inherited[9], 0x11);
	EQUAL(mapped_pages(), 0);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		CHECK(errno);
	close(fd);
}

static uint8_t *region_allocate(void)
{
	uint8_t *area = mmap(NULL, (REGION_PAGES + HUGE / PAGE) * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *region = (uint8_t *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));

	CHECK(area != MAP_FAILED);
	/* Small pages at first, of which khugepaged makes large ones. */
	CHECK(!madvise(region, REGION_PAGES * PAGE, MADV_NOHUGEPAGE));
	for (uint64_t i = 0; i < REGION_PAGES; i++)
		*(uint64_t *)(region + i * PAGE) = i / 2; /* pairs that KSM merges */
	CHECK(!madvise(region, REGION_PAGES * PAGE, MADV_HUGEPAGE));
	madvise(region, REGION_PAGES * PAGE, MADV_MERGEABLE);
	return region;
}

/* A thread that has the kernel move pages in every way it knows. */
static void *disturb(void *region)
{
	for (unsigned int round = 0;; round++) {
		uint8_t *part = (uint8_t *)region + round % 4 * HUGE;

		madvise(part, HUGE, MADV_COLLAPSE_NUMBER);
		madvise(part, HUGE / 2, MADV_PAGEOUT);
		if (round % 16 == 0)
			write_file("/proc/sys/vm/compact_memory", "1");
		usleep(50000); /* lets the clients come to the memory too */
	}
	return NULL;
}

static void more_disturbance(bool on)
{
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	write_file("/sys/kernel/mm/ksm/run", on ? "1" : "0");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "20");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", "512");
}

/* Pages that show another one, some all the time, while the kernel moves what it can. */
static void map_for(int seconds)
{
	uint8_t *region = region_allocate();
	time_t end = time(NULL) + seconds;
	uint64_t pairs = 0, kept_own = vmi_physical(region);
	pthread_t disturber;

	vmi_map(region, target_physical);
	CHECK(!pthread_create(&disturber, NULL, disturb, region));
	for (uint64_t i = 1; time(NULL) < end; i = (i + 61) % REGION_PAGES) {
		volatile uint64_t *page = (volatile uint64_t *)(region + i * PAGE);
		uint64_t own;

		if (!i)
			continue;
		own = vmi_physical(page);
		for (int again = 0; again < 100; again++, pairs++) {
			vmi_map(page, target_physical);
			EQUAL(page[1], TARGET_WORD + 1);
			vmi_restore(page, own);
			EQUAL(page[0], i / 2);
		}
		EQUAL(*(volatile uint64_t *)region, TARGET_WORD);
	}
	vmi_restore(region, kept_own);
	for (uint64_t i = 0; i < REGION_PAGES; i++)
		EQUAL(*(uint64_t *)(region + i * PAGE), i / 2);
	target_check();
	printf("%llu pairs of map and restore\n", (unsigned long long)pairs);
	exit(0);
}

/* Two clients at once. */
static void test_moves(int seconds)
{
	pid_t first, second;

	more_disturbance(true);
	fflush(stdout);
	first = start(map_for, seconds);
	second = start(map_for, seconds);
	EQUAL(end_of(first), 0);
	EQUAL(end_of(second), 0);
	more_disturbance(false);
	EQUAL(mapped_pages(), 0);
	churn();
}

static void run_outsider(int is_root)
{
	if (!is_root)
		CHECK(!setgid(NOBODY) && !setuid(NOBODY));
	execl("/bin/test_libvmi_hazards", "test_libvmi_hazards", "outsider", NULL);
	_exit(1);
}

/* Another program, while there are clients. */
static int outsider(void)
{
	struct vmi_registers r = {.rax = 0x40001337};

	vmi_cpuid(&r);
	CHECK((uint32_t)r.rax != 42 || (uint32_t)r.rbx != 42);
	CHECK(geteuid() == 0 || open("/dev/hadal", O_RDWR) < 0);
	vmi_call(VMI_ACK, 0, 0, DOM0); /* ends it */
	return 0;
}

static void test_outsiders(void)
{
	for (int is_root = 0; is_root < 2; is_root++) {
		int status = end_of(start(run_outsider, is_root));

		CHECK(WIFSIGNALED(status));
		EQUAL(WTERMSIG(status), SIGILL);
	}
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	if (!strcmp(argv[1], "outsider"))
		return outsider();
	fill_write();
	target_write();
	test_outsiders();
	test_ends();
	test_unmapping();
	test_fork();
	test_moves(atoi(argv[1]));
	fill_check();
	return 0;
}
