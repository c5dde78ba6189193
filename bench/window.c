// SPDX-License-Identifier: MIT
/*
 * bench_window: ticks to copy pages of this program, page by page, from where it has them mapped
 * itself and by reading physical memory through the memory window: "window_copy" and "window_read",
 * and "window_first" for the first time, when the window's page tables are filled.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "samples.h"

#define PAGE_BYTES 4096u
#define PAGES      1024u
#define RUNS       5

static uint8_t *own;
static uint64_t physical[PAGES];
static uint8_t target[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static struct hadal_memory memory;

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_window: %s\n", what);
	exit(1);
}

static void make_pages(void)
{
	int map = open("/proc/self/pagemap", O_RDONLY);

	own = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	need(map >= 0 && own != MAP_FAILED, "no pages of its own");
	for (unsigned int i = 0; i < PAGES; i++) {
		uint64_t entry;
		off_t at = (uintptr_t)(own + i * PAGE_BYTES) / PAGE_BYTES * sizeof(entry);

		memset(own + i * PAGE_BYTES, 1 + i % 255, PAGE_BYTES);
		need(pread(map, &entry, sizeof(entry), at) == sizeof(entry), "no pagemap");
		physical[i] = (entry & ((1ull << 55) - 1)) * PAGE_BYTES;
	}
	close(map);
}

static void copy_page(unsigned int page)
{
	memcpy(target, own + page * PAGE_BYTES, PAGE_BYTES);
	__asm__ volatile("" : : "r"(target) : "memory"); /* it is wanted */
}

static void read_page(unsigned int page)
{
	need(!hadal_memory_read_exact(&memory, physical[page], target, PAGE_BYTES), "no read");
}

static uint64_t all_pages(void (*take)(unsigned int page))
{
	uint64_t start = ticks_now();

	for (unsigned int i = 0; i < PAGES; i++)
		take(i);
	return ticks_now() - start;
}

static void check(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		read_page(i);
		need(!memcmp(target, own + i * PAGE_BYTES, PAGE_BYTES), "a page differs");
	}
}

int main(void)
{
	uint64_t copy[RUNS], read[RUNS];
	struct hadal_error error;
	struct hadal *hadal;

	make_pages();
	need(!hadal_open(&hadal, &error) && !hadal_device_memory(hadal, &memory, &error),
	     error.text);
	need(!!memory.at, "no memory window");
	printf("window_first %" PRIu64 "\n", all_pages(read_page));
	for (int i = 0; i < RUNS; i++) {
		copy[i] = all_pages(copy_page);
		read[i] = all_pages(read_page);
	}
	check();
	samples_print("window_copy", copy, RUNS);
	samples_print("window_read", read, RUNS);
	hadal_memory_close(&memory);
	hadal_close(hadal);
	return 0;
}
