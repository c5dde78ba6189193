// SPDX-License-Identifier: MIT
/*
 * /dev/hadal as a client sees it, hostile clients included. Runs in a guest as root with Hadal
 * started; prints the first check that failed and exits with 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "device/hypervisor.h"
#include "support/open.h"

#define PAGE 4096ul

/* With what the library says of it. */
#undef CHECK
#define CHECK(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			printf("line %d: %s (errno %d, %s)\n", __LINE__, #condition, errno, \
			       error.text);                                                 \
			exit(1);                                                            \
		}                                                                           \
	} while (0)

static struct hadal *hadal;
static struct hadal_info info;
static struct hadal_ram ram;
static struct hadal_error error;
static int device;

static uint8_t *pages(size_t count, int protection)
{
	void *memory = mmap(NULL, count * PAGE, protection,
			    MAP_PRIVATE | MAP_ANONYMOUS | (protection ? MAP_POPULATE : 0), -1, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

static void fill(uint8_t *memory, size_t length, unsigned int seed)
{
	for (size_t i = 0; i < length; i++)
		memory[i] = (seed = seed * 1103515245 + 12345) >> 16;
}

/* Every kind of offset and length on both sides, against the same bytes seen by the process. */
static void read_and_write(void)
{
	static const size_t offsets[] = {0, 1, 7, 8, 4088, 4095};
	static const size_t lengths[] = {1, 2, 7, 8, 9, 4095, 4096, 4097, 8191};
	uint8_t *page = pages(1, PROT_READ | PROT_WRITE);
	uint8_t *buffer = pages(5, PROT_READ | PROT_WRITE);
	uint64_t physical;
	size_t done;

	fill(page, PAGE, 1);
	physical = physical_of(page);
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 9; j++) {
			size_t at = offsets[i], length = lengths[j];

			if (at + length > PAGE)
				length = PAGE - at;
			memset(buffer, 0xa5, 2 * PAGE);
			CHECK(!hadal_read(hadal, physical + at, buffer + offsets[5 - i], length, 0,
					  &done, &error));
			CHECK(done == length);
			CHECK(!memcmp(buffer + offsets[5 - i], page + at, length));
			CHECK(buffer[offsets[5 - i] + length] == 0xa5);

			fill(buffer, PAGE, i * 16 + j);
			CHECK(!hadal_write(hadal, physical + at, buffer, length, 0, &done, &error));
			CHECK(done == length && !memcmp(buffer, page + at, length));
		}
	munmap(page, PAGE);
	munmap(buffer, 5 * PAGE);
}

/* Virtual memory of this process, many pages that are scattered in physical memory. */
static void virtual_memory(void)
{
	size_t count = 300, length = count * PAGE - 100;
	uint8_t *source = pages(count, PROT_READ | PROT_WRITE);
	uint8_t *buffer = pages(count, PROT_READ | PROT_WRITE);
	struct hadal_translation walk;
	struct hadal_regs regs;
	size_t done;

	fill(source, count * PAGE, 2);
	CHECK(!hadal_read_virtual(hadal, HADAL_ROOT_CURRENT, (uintptr_t)source + 33, buffer,
				  length - 33, 0, &done, &error));
	CHECK(done == length - 33 && !memcmp(buffer, source + 33, length - 33));
	memset(source, 0, count * PAGE);
	CHECK(!hadal_write_virtual(hadal, HADAL_ROOT_CURRENT, (uintptr_t)source, buffer, length, 0,
				   &done, &error));
	CHECK(done == length && !memcmp(buffer, source, length));

	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, (uintptr_t)source + 5, 0, &walk, &error));
	CHECK(!walk.result && walk.physical == physical_of(source) + 5);
	CHECK(walk.rights & HADAL_STEP_USER && walk.rights & HADAL_STEP_WRITE);

	/* A hole behind the first pages ends the read there. */
	munmap(source + 2 * PAGE, PAGE);
	CHECK(hadal_read_virtual(hadal, HADAL_ROOT_CURRENT, (uintptr_t)source + 10, buffer,
				 4 * PAGE, 0, &done, &error) == -EFAULT);
	CHECK(done == 2 * PAGE - 10);
	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, (uintptr_t)source + 2 * PAGE, 0, &walk,
			       &error));
	CHECK(walk.result == -EFAULT);
	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, 1ull << 62, 0, &walk, &error));
	CHECK(walk.result == -EINVAL);

	/* A root that is no page table, and one that is not RAM: errors, nothing more. */
	CHECK(hadal_read_virtual(hadal, 1ull << 45, 0x1000, buffer, 8, 0, &done, &error) < 0);
	CHECK(!done);
	CHECK(!hadal_regs(hadal, 0, &regs, &error));
	CHECK(regs.cr3 && regs.lstar && regs.cpu == 0);
	munmap(source, count * PAGE);
	munmap(buffer, count * PAGE);
}

/* Errors of the memory read: where RAM ends, and the hypervisor's own pages. */
static void refused_memory(void)
{
	uint8_t *buffer = pages(2, PROT_READ | PROT_WRITE);
	uint64_t own = 0, end = ram.range[ram.count - 1].end;
	size_t done;

	CHECK(hadal_read(hadal, end - 100, buffer, 200, 0, &done, &error) == -ENXIO);
	CHECK(done == 100);
	CHECK(hadal_read(hadal, end, buffer, 1, 0, &done, &error) == -ENXIO && !done);
	CHECK(hadal_read(hadal, 0xfee00000, buffer, 4, 0, &done, &error) == -ENXIO && !done);
	CHECK(hadal_read(hadal, 1ull << 60, buffer, 4, 0, &done, &error) < 0 && !done);

	for (unsigned int i = 0; i < ram.count; i++)
		for (uint64_t at = ram.range[i].start; at < ram.range[i].end; at += PAGE) {
			int result = hadal_read(hadal, at, buffer, 8, 0, NULL, &error);

			CHECK(!result || result == -EACCES);
			own += result ? 1 : 0;
			if (result)
				CHECK(hadal_write(hadal, at, buffer, 8, 0, NULL, &error) ==
				      -EACCES);
		}
	CHECK(own >= info.image_bytes / PAGE &&
	      own <= info.image_bytes / PAGE + info.pool_pages + 4);
	munmap(buffer, 2 * PAGE);
}

/* Buffers of the client that are not what a buffer should be. */
static void hostile_buffers(void)
{
	uint8_t *page = pages(1, PROT_READ | PROT_WRITE);
	uint8_t *target = pages(3, PROT_READ | PROT_WRITE);
	uint64_t physical = physical_of(page);
	size_t done;

	CHECK(hadal_read(hadal, physical, NULL, 8, 0, &done, &error) == -EFAULT && !done);
	CHECK(hadal_read(hadal, physical, (void *)0xffffffff81000000, 8, 0, &done, &error) < 0);
	CHECK(hadal_read(hadal, physical, (void *)0x7ffffffff000, 2 * PAGE, 0, &done, &error) < 0);
	CHECK(hadal_read(hadal, physical, (void *)-8l, 16, 0, &done, &error) == -EINVAL);
	CHECK(hadal_read(hadal, -8ull, target, 16, 0, &done, &error) == -EINVAL);
	CHECK(!hadal_read(hadal, physical, target, 0, 0, &done, &error) && !done);

	munmap(target + PAGE, PAGE);
	CHECK(hadal_read(hadal, physical, target + PAGE - 16, 64, 0, &done, &error) == -EFAULT);
	CHECK(done == 16);
	mprotect(target, PAGE, PROT_READ);
	CHECK(hadal_read(hadal, physical, target, 8, 0, &done, &error) == -EFAULT && !done);
	CHECK(!hadal_write(hadal, physical, target, 8, 0, &done, &error) && done == 8);
	mprotect(target, PAGE, PROT_NONE);
	CHECK(hadal_write(hadal, physical, target, 8, 0, &done, &error) == -EFAULT && !done);
	munmap(target, 3 * PAGE);
	munmap(page, PAGE);
}

/* Requests as the library would not make them. */
static void hostile_requests(void)
{
	static const uint32_t wrong_flags[] = {
		0x10,
		1u << 31,
		HADAL_MEM_LA57,
		HADAL_MEM_LA48,
		HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO,
		HADAL_MEM_VIRTUAL | HADAL_MEM_LA57 | HADAL_MEM_LA48,
	};
	uint8_t buffer[8192];
	struct hadal_ioc_memory memory = {.version = HADAL_ABI_VERSION,
					  .address = ram.range[0].start,
					  .length = 8,
					  .buffer = (uintptr_t)buffer};
	struct hadal_ioc_get get = {.version = HADAL_ABI_VERSION, .buffer = (uintptr_t)buffer};
	struct hadal_ioc_log log = {.version = HADAL_ABI_VERSION,
				    .buffer = (uintptr_t)buffer,
				    .size = sizeof(buffer),
				    .position = -1ull};
	struct hadal_ioc_start start = {.version = HADAL_ABI_VERSION};

	for (size_t i = 0; i < sizeof(wrong_flags) / sizeof(wrong_flags[0]); i++) {
		memory.flags = wrong_flags[i];
		CHECK(ioctl(device, HADAL_IOC_READ, &memory) && errno == EINVAL);
		CHECK(ioctl(device, HADAL_IOC_WRITE, &memory) && errno == EINVAL);
	}
	memory.flags = 0;
	CHECK(!ioctl(device, HADAL_IOC_READ, &memory) && memory.done == 8);
	memory.version++;
	CHECK(ioctl(device, HADAL_IOC_READ, &memory) && errno == EPROTO);
	CHECK(ioctl(device, HADAL_IOC_READ, NULL) && errno == EFAULT);
	CHECK(ioctl(device, HADAL_IOC_READ, -8l) && errno == EFAULT);
	CHECK(ioctl(device, _IOWR('H', 3, uint32_t), &get) && errno == ENOTTY);
	CHECK(ioctl(device, _IOWR('H', 99, struct hadal_ioc_get), &get) && errno == ENOTTY);
	CHECK(ioctl(device, _IOC(3, 'H', 3, 0x3fff), &memory) && errno == ENOTTY);
	CHECK(ioctl(device, 0, &memory) && errno == ENOTTY);

	get.size = sizeof(struct hadal_regs) - 1;
	CHECK(ioctl(device, HADAL_IOC_REGS, &get) && errno == EINVAL);
	get.size = -1ull;
	CHECK(ioctl(device, HADAL_IOC_INFO, &get) && errno == EINVAL);
	get.size = sizeof(struct hadal_regs);
	get.cpu = info.cpu_count;
	CHECK(ioctl(device, HADAL_IOC_REGS, &get) && errno == ENXIO);
	get.cpu = -1;
	CHECK(ioctl(device, HADAL_IOC_REGS, &get) && errno == ENXIO);
	get.cpu = 0;
	get.buffer = 0;
	CHECK(ioctl(device, HADAL_IOC_REGS, &get) && errno == EFAULT);

	CHECK(!ioctl(device, HADAL_IOC_LOG, &log) && !log.done);
	log.position = 0;
	CHECK(!ioctl(device, HADAL_IOC_LOG, &log) && log.done);
	log.reserved = 1;
	CHECK(ioctl(device, HADAL_IOC_LOG, &log) && errno == EINVAL);
	CHECK(ioctl(device, HADAL_IOC_START, &start) && errno == EALREADY && start.reason[0]);
}

static int map_at(void *page, uint64_t physical, uint32_t flags)
{
	struct hadal_ioc_map map = {.version = HADAL_ABI_VERSION,
				    .flags = flags,
				    .address = (uintptr_t)page,
				    .physical = physical};

	return ioctl(device, HADAL_IOC_MAP, &map) ? -errno : 0;
}

static void mapped_pages(void)
{
	volatile uint8_t *source = pages(2, PROT_READ | PROT_WRITE);
	uint64_t physical = physical_of((void *)source);
	uint8_t *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint8_t *own = pages(1, PROT_READ | PROT_WRITE);
	struct hadal *other;
	volatile uint8_t *view;
	void *page;

	memset((void *)source, 0x11, PAGE);
	CHECK(!hadal_map_page(hadal, physical, HADAL_MAP_WRITE, &page, &error));
	view = page;
	CHECK(view[0] == 0x11 && view[PAGE - 1] == 0x11);
	source[7] = 0x22;
	CHECK(view[7] == 0x22);
	view[8] = 0x33;
	CHECK(source[8] == 0x33);
	CHECK(hadal_stop(hadal, &error) == -EBUSY);
	CHECK(!hadal_info(hadal, &info, &error) && info.mapped_pages == 1);
	CHECK(!hadal_unmap_page(hadal, page, &error));
	CHECK(hadal_unmap_page(hadal, page, &error) == -ENOENT);
	CHECK(source[8] == 0x33);

	/* A page that is closed over, and one whose memory is gone before. */
	other = open_hadal();
	CHECK(!hadal_map_page(other, physical, 0, &page, &error));
	CHECK(*(volatile uint8_t *)page == 0x11);
	hadal_close(other);
	CHECK(*(volatile uint8_t *)page == 0);
	own[0] = 0x44;
	CHECK(!map_at(own, physical, 0) && own[0] == 0x11);
	CHECK(map_at(own, physical, 0) == -EEXIST);
	munmap(own, PAGE);
	CHECK(!hadal_info(hadal, &info, &error) && info.mapped_pages == 1);
	/* Another page at its address: the mapping there is still the first one's. */
	CHECK(mmap(own, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) == own);
	CHECK(map_at(own, physical, 0) == -EEXIST && own[0] == 0);
	munmap(own, PAGE);
	close(device);
	CHECK(!hadal_info(hadal, &info, &error) && info.mapped_pages == 0);
	device = open("/dev/hadal", O_RDWR);

	CHECK(map_at(shared, physical, 0) == -EINVAL);
	CHECK(map_at((uint8_t *)source + 1, physical, 0) == -EINVAL);
	CHECK(map_at((uint8_t *)source + PAGE, physical + 1, 0) == -EINVAL);
	CHECK(map_at((uint8_t *)source + PAGE, physical, 2) == -EINVAL);
	CHECK(map_at((uint8_t *)source + PAGE, 1ull << 60, 0) < 0);
	CHECK(map_at((uint8_t *)source + PAGE, 0xfee00000, 0) == -ENXIO);
	CHECK(map_at(NULL, physical, 0) == -EFAULT);
	CHECK(map_at((void *)0xffffffff81000000, physical, 0) < 0);
	CHECK(!hadal_info(hadal, &info, &error) && info.mapped_pages == 0);
	munmap((void *)source, 2 * PAGE);
	munmap(shared, PAGE);
}

/* A client that dies with pages mapped leaves none behind. */
static void killed_client(void)
{
	uint8_t *source = pages(1, PROT_READ | PROT_WRITE);
	uint64_t physical = physical_of(source);
	pid_t child = fork();
	int status;

	if (!child) {
		struct hadal *own;
		void *page;

		if (hadal_open(&own, NULL))
			_exit(1);
		for (int i = 0; i < 16; i++)
			if (hadal_map_page(own, physical, 0, &page, NULL))
				_exit(1);
		kill(getpid(), 9);
	}
	CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
	CHECK(!hadal_info(hadal, &info, &error) && info.mapped_pages == 0);
	munmap(source, PAGE);
}

static void unprivileged(void)
{
	pid_t child = fork();
	int status;

	if (!child) {
		int fd;

		chmod("/dev/hadal", 0666);
		if (setuid(65534))
			_exit(1);
		fd = open("/dev/hadal", O_RDWR);
		_exit(fd >= 0 || errno != EPERM);
	}
	CHECK(waitpid(child, &status, 0) == child);
	chmod("/dev/hadal", 0600);
	CHECK(!status);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	hadal = open_hadal();
	CHECK(!hadal_info(hadal, &info, &error) && !hadal_ram(hadal, &ram, &error));
	device = open_device();
	CHECK(ram.count && info.cpu_running);
	read_and_write();
	virtual_memory();
	refused_memory();
	hostile_buffers();
	hostile_requests();
	mapped_pages();
	killed_client();
	unprivileged();
	CHECK(!hadal_info(hadal, &info, &error));
	return 0;
}
