/* SPDX-License-Identifier: MIT */
/* What tests open: the device, by the library or by itself, and where their own memory lies. */
#ifndef TESTS_GUEST_OPEN_H
#define TESTS_GUEST_OPEN_H

#include <fcntl.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "support/check.h"

/* Each ends the program when it cannot. */
static inline struct hadal *open_hadal(void)
{
	struct hadal_error error;
	struct hadal *hadal;

	if (!hadal_open(&hadal, &error))
		return hadal;
	puts(error.text);
	exit(1);
}

static inline int open_device(void)
{
	int device = open("/dev/hadal", O_RDWR | O_CLOEXEC);

	CHECK(device >= 0);
	return device;
}

/* The physical address of memory that is there. */
static inline uint64_t physical_of(const void *address)
{
	int map = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry;

	CHECK(map >= 0);
	CHECK(pread(map, &entry, 8, (uintptr_t)address / 4096 * 8) == 8);
	close(map);
	CHECK(entry >> 63);
	return (entry & ((1ull << 55) - 1)) * 4096 + (uintptr_t)address % 4096;
}

#endif
