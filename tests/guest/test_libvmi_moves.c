// SPDX-License-Identifier: MIT
/*
 * test_libvmi_moves SECONDS: two clients have pages show others, and themselves again, as often as
 * they can, while the kernel moves, merges and collapses their memory. Run it with hadal exec.
 */
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"
#include "support/hazards.h"
#include "support/libvmi.h"

#define MADV_COLLAPSE_NUMBER 25 /* Linux 6.1 has it, the C library's headers do not */
#define HUGE                 (2ull << 20)

#define CLIENTS      2
#define REGION_PAGES (2 * HUGE / PAGE)
/* For each page that is used; then it is the next one's turn, for known pages move no more. */
#define PAIRS 10
/* A word of the target for each client to count in. */
#define COUNTER 8

static int seconds;
static uint8_t *volatile region;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) > 0);
	close(fd);
}

static uint64_t vmstat(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	char word[64];
	unsigned long value, found = 0;

	CHECK(file);
	while (fscanf(file, "%63s %lu", word, &value) == 2)
		if (!strcmp(word, name))
			found = value;
	fclose(file);
	return found;
}

/* A large page and small ones, of which the kernel makes large ones; pairs have the same content.
 */
static uint8_t *area_allocate(void)
{
	uint8_t *area = mmap(NULL, (REGION_PAGES + HUGE / PAGE) * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(area != MAP_FAILED);
	region = (uint8_t *)(((uintptr_t)area + HUGE - 1) & ~(HUGE - 1));
	CHECK(!madvise(region, REGION_PAGES * PAGE, MADV_NOHUGEPAGE));
	for (uint64_t i = 0; i < REGION_PAGES; i++)
		*(uint64_t *)(region + i * PAGE) = i / 2;
	CHECK(!madvise(region, REGION_PAGES * PAGE, MADV_HUGEPAGE));
	CHECK(!madvise(region, REGION_PAGES * PAGE, MADV_MERGEABLE));
	madvise(region + HUGE, HUGE, MADV_COLLAPSE_NUMBER);
	return area;
}

/* A thread that has the kernel move pages in every way it knows. */
static void *disturb(void *unused)
{
	for (unsigned int round = 0;; round++) {
		uint8_t *part = region + round % 2 * HUGE;

		madvise(part, HUGE, MADV_COLLAPSE_NUMBER);
		madvise(part, HUGE / 2, MADV_PAGEOUT);
		if (round % 16 == 0)
			write_file("/proc/sys/vm/compact_memory", "1");
		usleep(50000); /* lets the clients come to the memory too */
	}
	return unused;
}

static void disturb_more(bool on)
{
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "20");
	write_file("/sys/kernel/mm/ksm/run", on ? "1" : "0");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs",
		   on ? "20" : "10000");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan", "512");
}

/* Map and restore, again and again; in turn the target and a page of the client's own. */
static void use_page(uint64_t i, int client, const volatile uint64_t *other, uint64_t *pairs)
{
	volatile uint64_t *page = (volatile uint64_t *)(region + i * PAGE);
	uint64_t own = vmi_physical(page), other_physical = vmi_physical(other);

	for (int again = 0; again < PAIRS; again++) {
		vmi_map(page, again % 2 ? other_physical : target_physical);
		EQUAL(page[1], again % 2 ? other[1] : TARGET_WORD(1));
		if (again % 2 == 0)
			page[COUNTER + client]++;
		vmi_restore(page, own);
		EQUAL(page[0], i / 2);
		EQUAL(page[1], 0);
		++*pairs;
	}
}

static bool is_over(time_t end)
{
	return time(NULL) >= end;
}

/* All pages of fresh memory, the first of which shows the target all the time. */
static void use_region(time_t end, int client, const volatile uint64_t *other, uint64_t *pairs)
{
	uint8_t *area = area_allocate();
	uint64_t kept_own = vmi_physical(region);

	vmi_map(region, target_physical);
	for (uint64_t i = 61; i && !is_over(end); i = (i + 61) % REGION_PAGES) {
		use_page(i, client, other, pairs);
		EQUAL(((volatile uint64_t *)region)[1], TARGET_WORD(1));
		/* A request waits for all CPUs: on a busy host, long for one that runs. */
		usleep(client * 20000);
	}
	vmi_restore(region, kept_own);
	for (uint64_t i = 0; i < REGION_PAGES; i++)
		EQUAL(*(uint64_t *)(region + i * PAGE), i / 2);
	munmap(area, (REGION_PAGES + HUGE / PAGE) * PAGE);
}

static void run_client(int client)
{
	time_t end = time(NULL) + seconds;
	volatile uint64_t *other = (uint64_t *)vmi_pages(1);
	uint64_t pairs = 0;
	pthread_t disturber;

	other[1] = client;
	region = vmi_pages(1);
	CHECK(!pthread_create(&disturber, NULL, disturb, NULL));
	while (!is_over(end))
		use_region(end, client, other, &pairs);
	/* The parent finds the number in the target. */
	vmi_physical(other);
	vmi_map(other, target_physical);
	other[COUNTER + CLIENTS + client] = pairs;
	printf("client %d: %llu pairs of map and restore\n", client, (unsigned long long)pairs);
	fflush(stdout);
	_exit(0);
}

static void test_moves(void)
{
	pid_t clients[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		clients[i] = start(run_client, i);
	for (int i = 0; i < CLIENTS; i++)
		EQUAL(end_of(clients[i]), 0);
	EQUAL(mapped_pages(), 0);
	for (int i = 0; i < CLIENTS; i++) {
		uint64_t pairs = target[COUNTER + CLIENTS + i];

		CHECK(pairs && pairs != TARGET_WORD(COUNTER + CLIENTS + i));
		EQUAL(target[COUNTER + i] - TARGET_WORD(COUNTER + i), (pairs + 1) / 2);
		target[COUNTER + i] = TARGET_WORD(COUNTER + i);
		target[COUNTER + CLIENTS + i] = TARGET_WORD(COUNTER + CLIENTS + i);
	}
	churn();
}

/* Without moves the test would show nothing. */
int main(int argc, char **argv)
{
	uint64_t migrated = vmstat("pgmigrate_success"), collapsed = vmstat("thp_collapse_alloc");

	CHECK(argc == 2);
	seconds = atoi(argv[1]);
	target_write();
	disturb_more(true);
	test_moves();
	disturb_more(false);
	migrated = vmstat("pgmigrate_success") - migrated;
	collapsed = vmstat("thp_collapse_alloc") - collapsed;
	printf("%llu pages migrated, %llu collapses\n", (unsigned long long)migrated,
	       (unsigned long long)collapsed);
	CHECK(migrated && collapsed);
	return 0;
}
