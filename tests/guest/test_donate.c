// SPDX-License-Identifier: MIT
/* More pages are mapped than the pool has tables for: the module gives memory, and takes it back.
 */
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <hadal/ioctl.h>

#include "support/check.h"
#include "support/open.h"

#define PAGE   4096ull
#define BYTES  (1000ull << 20)
#define STRIDE (2ull << 20) /* one table each */

static struct hadal *hadal;

static struct hadal_info now(void)
{
	struct hadal_info info;

	CHECK(!hadal_info(hadal, &info, NULL));
	return info;
}

static void check_shown(const uint8_t *memory)
{
	for (uint64_t at = 0; at < BYTES; at += STRIDE) {
		EQUAL(memory[at], 0x77);
		EQUAL(memory[at + PAGE], (uint8_t)(at / STRIDE));
	}
}

int main(void)
{
	uint8_t *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *source =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct hadal_info before, most;
	int device = open_device();

	CHECK(memory != MAP_FAILED && source != MAP_FAILED);
	madvise(memory, BYTES, MADV_NOHUGEPAGE);
	for (uint64_t at = 0; at < BYTES; at += PAGE)
		memory[at] = (at - PAGE) / STRIDE;
	source[0] = 0x77;
	hadal = open_hadal();
	before = now();
	for (uint64_t at = 0; at < BYTES; at += STRIDE) {
		struct hadal_ioc_map request = {.version = HADAL_ABI_VERSION,
						.address = (uintptr_t)memory + at,
						.physical = physical_of(source)};

		CHECK(!ioctl(device, HADAL_IOC_MAP, &request));
	}
	most = now();
	printf("%llu pages of the pool, %llu free; with %llu pages mapped %llu and %llu\n",
	       (unsigned long long)before.pool_pages, (unsigned long long)before.pool_free,
	       (unsigned long long)most.mapped_pages, (unsigned long long)most.pool_pages,
	       (unsigned long long)most.pool_free);
	CHECK(most.pool_pages > before.pool_pages);
	check_shown(memory);
	close(device);
	EQUAL(now().mapped_pages, 0);
	EQUAL(now().pool_pages, before.pool_pages);
	EQUAL(now().pool_free, before.pool_free);
	return 0;
}
