// SPDX-License-Identifier: MIT
/*
 * The hypervisor's own memory as the system below which it lies sees it, through /proc/kcore: all
 * zeros while Hadal runs, and as many pages of it as Hadal says it has.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device/hypervisor.h"

#define PAGE         4096ull
#define PIECE        (64 * PAGE)
#define MAX_SEGMENTS 64

static int kcore;
static Elf64_Phdr segment[MAX_SEGMENTS];
static int segment_count;

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_kcore(void)
{
	Elf64_Ehdr header;

	kcore = open("/proc/kcore", O_RDONLY);
	if (kcore < 0 || pread(kcore, &header, sizeof(header), 0) != sizeof(header))
		die("/proc/kcore");
	segment_count = header.e_phnum < MAX_SEGMENTS ? header.e_phnum : MAX_SEGMENTS;
	if (pread(kcore, segment, segment_count * sizeof(segment[0]), header.e_phoff) < 0)
		die("/proc/kcore");
}

/* Reads a physical page the way the kernel itself would; false when it is in no RAM segment. */
static int kernel_reads(uint64_t physical, uint8_t *page)
{
	for (int i = 0; i < segment_count; i++) {
		const Elf64_Phdr *s = &segment[i];

		if (s->p_type == PT_LOAD && s->p_paddr != (uint64_t)-1 && physical >= s->p_paddr &&
		    physical + PAGE <= s->p_paddr + s->p_memsz && s->p_vaddr < 0xffffffff80000000)
			return pread(kcore, page, PAGE, s->p_offset + physical - s->p_paddr) ==
			       PAGE;
	}
	return 0;
}

static uint64_t own_pages, unreadable, not_zero;

static void check_own(uint64_t physical)
{
	static const uint8_t zeros[PAGE];
	uint8_t page[PAGE];

	own_pages++;
	if (!kernel_reads(physical, page))
		unreadable++;
	else if (memcmp(page, zeros, PAGE))
		not_zero++;
}

/* Own pages are those that Hadal refuses to read. */
static void scan(struct hadal *hadal, uint64_t start, uint64_t end)
{
	static uint8_t buffer[PIECE];

	while (start < end) {
		uint64_t bytes = end - start < PIECE ? end - start : PIECE;
		struct hadal_error error;
		size_t done = 0;
		int result = hadal_read(hadal, start, buffer, bytes, 0, &done, &error);

		start += done;
		if (!result)
			continue;
		if (result != -EACCES) {
			printf("read at %#llx: %s\n", (unsigned long long)start, error.text);
			exit(1);
		}
		check_own(start);
		start += PAGE;
	}
}

int main(void)
{
	struct hadal_error error;
	struct hadal *hadal = NULL;
	struct hadal_info info;
	struct hadal_ram ram;
	uint64_t expected;

	if (hadal_open(&hadal, &error) || hadal_info(hadal, &info, &error) ||
	    hadal_ram(hadal, &ram, &error)) {
		puts(error.text);
		return 1;
	}
	open_kcore();
	for (uint32_t i = 0; i < ram.count; i++)
		scan(hadal, ram.range[i].start, ram.range[i].end);
	expected = info.image_bytes / PAGE + info.pool_pages;
	printf("%llu pages of its own, %llu expected, %llu not readable, %llu not zero\n",
	       (unsigned long long)own_pages, (unsigned long long)expected,
	       (unsigned long long)unreadable, (unsigned long long)not_zero);
	hadal_close(hadal);
	return own_pages == expected && !unreadable && !not_zero ? 0 : 1;
}
