// SPDX-License-Identifier: MIT
/* bench_read: ticks to read 4 KiB of physical memory through the library, and the image's size. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "device/hypervisor.h"
#include "samples.h"

#define READS      200
#define PAGE_BYTES 4096

static void fail(const struct hadal_error *error)
{
	fprintf(stderr, "bench_read: %s\n", error->text);
	exit(1);
}

int main(void)
{
	static uint8_t page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	static uint64_t ticks[READS];
	struct hadal_error error;
	struct hadal_info info;
	struct hadal_ram ram;
	struct hadal *hadal;

	if (hadal_open(&hadal, &error) || hadal_info(hadal, &info, &error) ||
	    hadal_ram(hadal, &ram, &error))
		fail(&error);
	for (int i = 0; i < READS; i++) {
		uint64_t start = ticks_now();

		if (hadal_read(hadal, ram.range[0].start, page, PAGE_BYTES, 0, NULL, &error))
			fail(&error);
		ticks[i] = ticks_now() - start;
	}
	samples_print("read_4k", ticks, READS);
	printf("image_bytes %" PRIu64 "\n", info.image_bytes);
	printf("bytes_per_cpu %" PRIu64 "\n", info.bytes_per_cpu);
	hadal_close(hadal);
	return 0;
}
