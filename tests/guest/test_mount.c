// SPDX-License-Identifier: MIT
/*
 * Reads this system's memory through a mounted memory.raw, by read(), by mmap() and by several
 * threads at once, and compares it with pages of its own, which it changes meanwhile.
 * test_mount FILE: the file may be mapped privately, not shared.
 * test_mount FILE shared: it may be mapped shared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES   4096u
#define PAGES        256u
#define THREADS      4
#define THREAD_READS 100
#define VGA_HOLE     0xa0000

static int file;
static off_t file_size;
static uint8_t *own;             /* PAGES locked pages */
static uint64_t physical[PAGES]; /* of each */

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void need(int ok, const char *what)
{
	if (!ok)
		die(what);
}

static uint64_t word_of(unsigned int page, unsigned int round)
{
	return 0x486164616c000000ull + (uint64_t)round * 0x10000 + page;
}

static void write_page(unsigned int page, unsigned int round)
{
	uint64_t *words = (uint64_t *)(own + page * PAGE_BYTES);

	for (size_t i = 0; i < PAGE_BYTES / sizeof(*words); i++)
		words[i] = word_of(page, round);
}

static void find_pages(void)
{
	int map = open("/proc/self/pagemap", O_RDONLY);

	own = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	need(map >= 0 && own != MAP_FAILED, "own pages");
	for (unsigned int i = 0; i < PAGES; i++) {
		uint64_t entry;
		off_t at = (uintptr_t)(own + i * PAGE_BYTES) / PAGE_BYTES * sizeof(entry);

		write_page(i, 0);
		need(pread(map, &entry, sizeof(entry), at) == sizeof(entry), "pagemap");
		physical[i] = (entry & ((1ull << 55) - 1)) * PAGE_BYTES;
		need(physical[i], "no physical address");
	}
	close(map);
}

static void expect(const void *got, unsigned int page, const char *what)
{
	if (!memcmp(got, own + page * PAGE_BYTES, PAGE_BYTES))
		return;
	printf("%s: page %#" PRIx64 " has %#" PRIx64 ", expected %#" PRIx64 "\n", what,
	       physical[page], *(const uint64_t *)got, *(uint64_t *)(own + page * PAGE_BYTES));
	exit(1);
}

static void read_page(unsigned int page, const char *what)
{
	uint8_t got[PAGE_BYTES];

	need(pread(file, got, PAGE_BYTES, physical[page]) == PAGE_BYTES, what);
	expect(got, page, what);
}

/* Each read shows what is there now, also when it was read before. */
static void reads_are_fresh(void)
{
	for (unsigned int round = 1; round < 4; round++) {
		for (unsigned int page = 0; page < PAGES; page += 37) {
			write_page(page, round);
			read_page(page, "a read");
		}
	}
}

/* Across page boundaries, at odd places, and no further than the end. */
static void reads_anywhere(void)
{
	uint8_t odd[3 * PAGE_BYTES];
	uint64_t word;

	for (unsigned int page = 0; page + 2 < PAGES; page++) {
		if (physical[page + 1] != physical[page] + PAGE_BYTES)
			continue;
		need(pread(file, odd, PAGE_BYTES, physical[page] + 1023) == PAGE_BYTES, "odd read");
		if (memcmp(odd, own + page * PAGE_BYTES + 1023, PAGE_BYTES)) {
			printf("a read at an odd place differs\n");
			exit(1);
		}
	}
	need(pread(file, &word, sizeof(word), file_size - 3) == 3, "read at the end");
	need(pread(file, &word, sizeof(word), file_size) == 0, "read behind the end");
}

/* What is no RAM is zeros, and a hole for those who ask. */
static void holes(void)
{
	uint8_t got[PAGE_BYTES];
	off_t hole = lseek(file, 0x10000, SEEK_HOLE), data = lseek(file, VGA_HOLE, SEEK_DATA);

	need(hole > 0x10000 && hole <= VGA_HOLE, "SEEK_HOLE");
	need(data > VGA_HOLE && data <= 0x100000, "SEEK_DATA");
	need(pread(file, got, PAGE_BYTES, VGA_HOLE) == PAGE_BYTES, "read of a hole");
	for (size_t i = 0; i < PAGE_BYTES; i++)
		if (got[i])
			die("a hole is not zeros");
}

static void map_file(int flags, const char *what)
{
	const uint8_t *all = mmap(NULL, file_size, PROT_READ, flags, file, 0);

	need(all != MAP_FAILED, what);
	for (unsigned int page = 0; page < PAGES; page += 5)
		expect(all + physical[page], page, what);
	munmap((void *)all, file_size);
}

static void maps_privately(void)
{
	write_page(5, 77);
	map_file(MAP_PRIVATE, "a private mapping");
	write_page(5, 78); /* a new mapping must not have old pages */
	map_file(MAP_PRIVATE, "a second mapping");
	need(mmap(NULL, file_size, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED && errno == ENODEV,
	     "a shared mapping without --cached");
}

/* The page cache may have old pages, until somebody reads. */
static void maps_shared(void)
{
	map_file(MAP_SHARED, "a shared mapping");
	write_page(5, 79);
	read_page(5, "a read of a page that is mapped");
	map_file(MAP_SHARED, "a shared mapping after a read");
	map_file(MAP_PRIVATE, "a private mapping beside it");
}

static void *read_many(void *context)
{
	unsigned int page = (uintptr_t)context;

	for (unsigned int i = 0; i < THREAD_READS; i++) {
		page = (page * 5 + 17) % PAGES;
		read_page(page, "a read beside others");
	}
	return NULL;
}

static void read_by_threads(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		need(!pthread_create(&threads[i], NULL, read_many, (void *)i), "thread");
	for (int i = 0; i < THREADS; i++)
		need(!pthread_join(threads[i], NULL), "thread");
}

int main(int argc, char **argv)
{
	struct stat st;

	file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
	need(file >= 0 && !fstat(file, &st), "open");
	file_size = st.st_size;
	need(open(argv[1], O_RDWR) < 0 && errno == EROFS, "opened for writing");
	find_pages();
	reads_are_fresh();
	reads_anywhere();
	holes();
	if (argc > 2 && !strcmp(argv[2], "shared"))
		maps_shared();
	else
		maps_privately();
	read_by_threads();
	return 0;
}
