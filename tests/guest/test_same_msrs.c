// SPDX-License-Identifier: MIT
/*
 * test_same_msrs CPU [few]: what ring 0 reads of the MSRs, as text that is the same each time: all
 * that are not 0, and which ones fault. Run it before, under and after Hadal, and compare. few: for
 * slow emulators, only where processors of today have any.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

struct range {
	uint32_t first, last;
};

static const struct range all[] = {
	{0, 0x1fff},
	{0x40000000, 0x400000ff}, /* of hypervisors */
	{0xc0000000, 0xc0001fff},
	{0xc0010000, 0xc0011fff},
};

static const struct range few[] = {
	{0, 0x1ff},
	{0x277, 0x277},
	{0x2ff, 0x2ff},
	{0x480, 0x493},
	{0xc0000080, 0xc0000084},
	{0xc0000100, 0xc0000104},
	{0xc0010010, 0xc0010015},
	{0xc0010110, 0xc001011f},
};

/* Clocks, counters, branch records, temperatures, and what belongs to the process that runs. */
static const struct range passing[] = {
	{0x10, 0x10},
	{0x34, 0x34},
	{0xc1, 0xc8},
	{0xe7, 0xe8},
	{0x19c, 0x19c},
	{0x1b1, 0x1b1},
	{0x1c9, 0x1c9},
	{0x1db, 0x1de},
	{0x309, 0x30c},
	{0x38e, 0x38e},
	{0x4c1, 0x4c8},
	{0x611, 0x64f},
	{0x680, 0x6cf},
	{0x6e0, 0x6e0},
	{0x80a, 0x80a},
	{0x839, 0x839},
	{0xd90, 0xdff},
	{0xc0000100, 0xc0000100},
	{0xc0000102, 0xc0000102},
	{0xc00000e7, 0xc00000e9},
	{0xc0010004, 0xc0010007},
	{0xc0010201, 0xc001020b},
	{0xc0010293, 0xc001029b},
};

static bool passes(uint32_t msr)
{
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (msr >= passing[i].first && msr <= passing[i].last)
			return true;
	return false;
}

/* Prints where a run of those that fault begins and ends. */
static void show_range(int fd, const struct range *range)
{
	bool was_absent = false;

	for (uint64_t msr = range->first; msr <= range->last; msr++) {
		uint64_t value = 0;
		bool absent = pread(fd, &value, sizeof(value), msr) != sizeof(value);

		if (absent && errno != EIO) {
			perror("msr");
			exit(1);
		}
		if (absent != was_absent)
			printf("msr %08x: %s\n", (uint32_t)msr, absent ? "absent" : "there");
		was_absent = absent;
		if (!absent && value && !passes(msr))
			printf("msr %08x: %016llx\n", (uint32_t)msr, (unsigned long long)value);
	}
}

int main(int count, char **arguments)
{
	bool is_few = count > 2 && !strcmp(arguments[2], "few");
	const struct range *ranges = is_few ? few : all;
	size_t range_count = is_few ? ARRAY_LEN(few) : ARRAY_LEN(all);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", count > 1 ? atoi(arguments[1]) : 0);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		perror(path);
		return 1;
	}
	for (size_t i = 0; i < range_count; i++)
		show_range(fd, &ranges[i]);
	return 0;
}
