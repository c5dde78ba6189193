// SPDX-License-Identifier: MIT
/*
 * The memory window: shows what reads show, cannot be written, and ends with its file.
 * test_window hold: keeps it open, and says so on standard output, until killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "device/window.h"

#define PAGE_BYTES  4096u
#define PIECE_BYTES (256u * PAGE_BYTES)
#define TRIES       20
/* Pages that each look changes: stacks, counters, what this program itself writes. */
#define RESTLESS_MAX 32

static struct hadal *hadal;
static struct hadal_window *window;
static struct hadal_info info;
static struct hadal_ram ranges;
static unsigned int restless;

static void die(const char *what)
{
	printf("%s\n", what);
	exit(1);
}

static const uint8_t *at(uint64_t pa)
{
	uint64_t len;
	const uint8_t *bytes = hadal_window_at(window, pa, &len);

	if (!bytes || len < PAGE_BYTES)
		die("a page of RAM is not in the window");
	return bytes;
}

/* Memory changes meanwhile: a page that differs is looked at again. Counts the hypervisor's. */
static void compare_page(uint64_t pa, unsigned int *own)
{
	static const uint8_t zeros[PAGE_BYTES];
	static uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

	for (int i = 0; i < TRIES; i++) {
		int result = hadal_read(hadal, pa, page, sizeof(page), 0, NULL, NULL);

		if (result == -EACCES) {
			if (memcmp(at(pa), zeros, PAGE_BYTES))
				die("a page of the hypervisor shows in the window");
			(*own)++;
			return;
		}
		if (result)
			die("a page of RAM cannot be read");
		if (!memcmp(at(pa), page, PAGE_BYTES))
			return;
	}
	printf("the window differs from reads at %#" PRIx64 "\n", pa);
	restless++;
}

static unsigned int compare_piece(uint64_t pa, size_t len, uint8_t *buffer)
{
	unsigned int own = 0;
	size_t done;

	if (!hadal_read(hadal, pa, buffer, len, 0, &done, NULL) && !memcmp(at(pa), buffer, len))
		return 0;
	for (uint64_t page = pa; page < pa + len; page += PAGE_BYTES)
		compare_page(page, &own);
	return own;
}

/* Every byte of RAM is there with all that follow it in its range, and no other. */
static void test_extent(void)
{
	uint64_t len = 0;

	for (uint32_t i = 0; i < ranges.count; i++) {
		const struct hadal_range *range = &ranges.range[i];

		if (!hadal_window_at(window, range->start, &len) ||
		    len != range->end - range->start)
			die("a range is not whole");
		if (!hadal_window_at(window, range->end - 1, &len) || len != 1)
			die("a range does not end with its last byte");
		if ((i + 1 == ranges.count || ranges.range[i + 1].start != range->end) &&
		    hadal_window_at(window, range->end, &len))
			die("what follows a range is in the window");
		if ((!i || ranges.range[i - 1].end != range->start) &&
		    hadal_window_at(window, range->start - 1, &len))
			die("what comes before a range is in the window");
	}
}

/* The files of the device that are open; a program that is run must get none of them. */
static unsigned int device_files(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < 64; fd++) {
		char path[32], target[32] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, "/dev/hadal"))
			continue;
		count++;
		if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			die("a program that is run inherits the window");
	}
	return count;
}

static void test_files(void)
{
	unsigned int before = device_files();
	struct hadal_window *other;

	if (hadal_window_open(hadal, &other, NULL) || device_files() != before + 1)
		die("a window is not a file of its own");
	hadal_window_close(other);
	if (device_files() != before)
		die("a window that is closed leaves its file open");
}

static void test_content(void)
{
	uint8_t *buffer = malloc(PIECE_BYTES);
	unsigned int own = 0;

	for (uint32_t i = 0; i < ranges.count; i++) {
		uint64_t pa = ranges.range[i].start, len;

		for (; pa < ranges.range[i].end; pa += len) {
			len = ranges.range[i].end - pa < PIECE_BYTES ? ranges.range[i].end - pa
								     : PIECE_BYTES;
			own += compare_piece(pa, len, buffer);
		}
	}
	free(buffer);
	if (restless > RESTLESS_MAX)
		die("the window differs from reads in too many pages");
	if (own * (uint64_t)PAGE_BYTES != info.image_bytes + info.pool_pages * PAGE_BYTES)
		die("the hypervisor's pages are not those that are hidden");
}

/* What is written to a page of this process shows at once. */
static void test_live(void)
{
	volatile uint64_t *own =
		mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	volatile const uint64_t *seen;
	struct hadal_translation translation;

	own[5] = 1;
	mlock((void *)own, PAGE_BYTES);
	if (hadal_translate(hadal, HADAL_ROOT_CURRENT, (uintptr_t)own, 0, &translation, NULL))
		die("cannot translate");
	seen = (const uint64_t *)at(translation.physical);
	for (uint64_t i = 2; i < 1000; i++) {
		own[5] = i;
		if (seen[5] != i)
			die("the window lags behind");
	}
}

static void expect_signal(void (*act)(void), int signal, const char *what)
{
	pid_t child = fork();
	int status;

	if (!child) {
		act();
		_exit(0);
	}
	waitpid(child, &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != signal)
		die(what);
}

static void write_to_window(void)
{
	struct hadal_window *own;
	uint64_t len;

	if (hadal_window_open(hadal, &own, NULL))
		_exit(1);
	*(volatile uint8_t *)hadal_window_at(own, ranges.range[1].start, &len) = 1;
}

static void read_of_parent(void)
{
	(void)*(volatile const uint8_t *)at(ranges.range[1].start);
}

static void expect_map_of(int fd, int protection, int flags, uint64_t pa, size_t len, int expected)
{
	void *bytes = mmap(NULL, len, protection, flags, fd, HADAL_WINDOW_OFFSET + pa);
	int result = bytes == MAP_FAILED ? errno : 0;

	if (result != expected) {
		printf("mmap of %#" PRIx64 " gives %d, expected %d\n", pa, result, expected);
		exit(1);
	}
	if (result)
		return;
	if (!mprotect(bytes, PAGE_BYTES, PROT_READ | PROT_WRITE) || errno != EACCES)
		die("the window can be made writable");
	munmap(bytes, len);
}

static void expect_map(int fd, int protection, int flags, uint64_t pa, int expected)
{
	expect_map_of(fd, protection, flags, pa, PAGE_BYTES, expected);
}

static void test_rights(void)
{
	struct hadal_ioc_window request = {.version = HADAL_ABI_VERSION};
	uint64_t ram = ranges.range[1].start, end = ranges.range[ranges.count - 1].end;
	int fd = open("/dev/hadal", O_RDWR | O_CLOEXEC);

	expect_signal(write_to_window, SIGSEGV, "writing to the window is no SIGSEGV");
	expect_signal(read_of_parent, SIGSEGV, "a child inherits the window");
	expect_map(fd, PROT_READ, MAP_SHARED, ram, ENODEV);
	request.reserved = 1;
	if (!ioctl(fd, HADAL_IOC_WINDOW, &request) || errno != EINVAL)
		die("a reserved member is not checked");
	request.reserved = 0;
	if (ioctl(fd, HADAL_IOC_WINDOW, &request) || ioctl(fd, HADAL_IOC_WINDOW, &request))
		die("a file cannot open the window");
	expect_map(fd, PROT_READ, MAP_SHARED, ram, 0);
	expect_map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, ram, EACCES);
	expect_map(fd, PROT_READ | PROT_EXEC, MAP_SHARED, ram, EACCES);
	expect_map(fd, PROT_READ, MAP_PRIVATE, ram, EINVAL);
	expect_map(fd, PROT_READ, MAP_SHARED, ranges.range[1].start - PAGE_BYTES, ENXIO);
	expect_map(fd, PROT_READ, MAP_SHARED, end, ENXIO);
	expect_map_of(fd, PROT_READ, MAP_SHARED, end - PAGE_BYTES, 2 * PAGE_BYTES, ENXIO);
	expect_map_of(fd, PROT_READ, MAP_SHARED, end - 2 * PAGE_BYTES, 2 * PAGE_BYTES, 0);
	expect_map(fd, PROT_READ, MAP_SHARED, 1ull << 50, ENXIO);
	close(fd);
}

/* Reading costs no exit: the hypercalls counted stay as many. */
static uint64_t exits(void)
{
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < info.cpu_count; cpu++) {
		struct hadal_stats stats;

		if (hadal_stats(hadal, cpu, &stats, NULL))
			continue;
		sum += stats.exits[HADAL_EXIT_HYPERCALL] + stats.exits[HADAL_EXIT_NESTED_FAULT];
	}
	return sum;
}

static void test_exits(void)
{
	const struct hadal_range *range = &ranges.range[ranges.count - 1];
	uint64_t before = exits(), counting = exits() - before;
	volatile uint64_t sum = 0;

	before = exits();
	for (uint64_t pa = range->start; pa < range->end; pa += PAGE_BYTES)
		sum += *(const uint64_t *)at(pa);
	if (exits() - before > counting + 16)
		die("reading through the window exits to the hypervisor");
}

int main(int argc, char **argv)
{
	struct hadal_error error;

	if (hadal_open(&hadal, &error) || hadal_info(hadal, &info, &error) ||
	    hadal_ram(hadal, &ranges, &error) || hadal_window_open(hadal, &window, &error))
		die(error.text);
	if (argc > 1 && !strcmp(argv[1], "hold")) {
		(void)*(volatile const uint8_t *)at(ranges.range[1].start);
		puts("open");
		fflush(stdout);
		pause();
	}
	test_extent();
	test_files();
	test_content();
	test_live();
	test_rights();
	test_exits();
	hadal_window_close(window);
	hadal_close(hadal);
	return 0;
}
