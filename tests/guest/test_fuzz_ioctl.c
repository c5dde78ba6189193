// SPDX-License-Identifier: MIT
/*
 * test_fuzz_ioctl COUNT [SEED]: random and mutated calls of /dev/hadal, COUNT on each of two CPUs
 * at the same time. A call may fail with the errors of <hadal/ioctl.h> only, and what it writes
 * stays within the buffer it was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "../unit/random.h"
#include "support/check.h"
#include "support/hostile.h"
#include "support/region.h"

#define KINDS 21
#define EDGE  64

union request {
	uint32_t version;
	struct hadal_ioc_start start;
	struct hadal_ioc_state state;
	struct hadal_ioc_memory memory;
	struct hadal_ioc_get get;
	struct hadal_ioc_ram ram;
	struct hadal_ioc_own own;
	struct hadal_ioc_translate translate;
	struct hadal_ioc_map map;
	struct hadal_ioc_log log;
	struct hadal_ioc_admit admit;
	struct hadal_ioc_root root;
	struct hadal_ioc_clients clients;
	struct hadal_ioc_pause pause;
	struct hadal_ioc_set_regs set_regs;
	uint8_t bytes[1024];
};

static const unsigned long commands[KINDS] = {
	HADAL_IOC_START,  HADAL_IOC_STOP,     HADAL_IOC_STATE, HADAL_IOC_READ,      HADAL_IOC_WRITE,
	HADAL_IOC_INFO,   HADAL_IOC_REGS,     HADAL_IOC_STATS, HADAL_IOC_TRANSLATE, HADAL_IOC_MAP,
	HADAL_IOC_UNMAP,  HADAL_IOC_LOG,      HADAL_IOC_ADMIT, HADAL_IOC_CLIENTS,   HADAL_IOC_PAUSE,
	HADAL_IOC_RESUME, HADAL_IOC_SET_REGS, HADAL_IOC_RAM,   HADAL_IOC_OWN,       HADAL_IOC_ROOT,
	HADAL_IOC_FIRST,
};

static struct world world;
static struct model model = {.world = &world, .current_levels = 4};
static uint64_t last_mapped; /* address of the process, for UNMAP */
static uint64_t done_of[KINDS], failed_of[KINDS], unknown;

static struct hadal_test_registers as_hypercall(unsigned int kind, const union request *request)
{
	const struct hadal_ioc_memory *m = &request->memory;

	return (struct hadal_test_registers){
		.rax = HADAL_CALL_BASE +
		       (commands[kind] == HADAL_IOC_WRITE ? HADAL_CALL_WRITE : HADAL_CALL_READ),
		.rdi = m->address,
		.rsi = m->length,
		.rdx = arena_page(&world, BUFFERS),
		.r8 = m->flags,
		.r9 = m->root,
	};
}

static bool is_harmless_memory(unsigned int kind, const union request *request)
{
	struct hadal_test_registers r = as_hypercall(kind, request);
	bool write = commands[kind] == HADAL_IOC_WRITE;

	/* The buffer of the hypercall is not what is tried here: let it be one that fits. */
	if (!write)
		r.rsi = r.rsi < PAGE * 8 ? r.rsi : PAGE * 8;
	return is_harmless_pointer(request->memory.buffer) &&
	       (!write || r.rsi <= HADAL_TRANSFER_MAX) &&
	       (!(r.r8 & HADAL_MEM_MMIO) || r.rsi <= PAGE * 8) &&
	       model_predict(&model, &r).harmless;
}

static bool is_harmless_map(const struct hadal_ioc_map *map)
{
	struct hadal_test_registers r = {.rax = HADAL_CALL_BASE + HADAL_CALL_MAP,
					 .rdi = arena_page(&world, MAPPED),
					 .rsi = map->physical};

	return is_harmless_pointer(map->address) && model_predict(&model, &r).harmless;
}

static bool is_harmless(unsigned int kind, const union request *request)
{
	switch (commands[kind]) {
	case HADAL_IOC_STOP:
		return request->version != HADAL_ABI_VERSION;
	case HADAL_IOC_READ:
	case HADAL_IOC_WRITE:
		return is_harmless_memory(kind, request);
	case HADAL_IOC_INFO:
	case HADAL_IOC_REGS:
	case HADAL_IOC_STATS:
	case HADAL_IOC_FIRST:
		return is_harmless_pointer(request->get.buffer);
	case HADAL_IOC_MAP:
		return is_harmless_map(&request->map);
	case HADAL_IOC_LOG:
		return is_harmless_pointer(request->log.buffer);
	case HADAL_IOC_ADMIT: /* itself, a thread of the kernel's, or none */
		return request->admit.pid <= 0 || request->admit.pid == 2 ||
		       request->admit.pid == getpid() || request->admit.pid > 1 << 22;
	case HADAL_IOC_CLIENTS:
		return is_harmless_pointer(request->clients.buffer);
	case HADAL_IOC_PAUSE: /* soon over */
		return request->pause.reserved || request->pause.milliseconds < 4 ||
		       request->pause.milliseconds > HADAL_PAUSE_MS_MAX;
	case HADAL_IOC_SET_REGS: /* never of the other CPU, which may be paused */
		return request->set_regs.cpu == model.cpu || request->set_regs.cpu > 1 ||
		       request->set_regs.size != sizeof(struct hadal_set_regs);
	}
	return true;
}

/* Addresses and roots as the hypercalls get them. */
static struct hadal_test_registers some_call(uint64_t *random, uint64_t number)
{
	struct hadal_test_registers r;

	do
		hostile_call(&model, random, &r);
	while (r.rax != HADAL_CALL_BASE + number);
	return r;
}

static void seed_memory(uint64_t *random, unsigned int kind, struct hadal_ioc_memory *m)
{
	struct hadal_test_registers r = some_call(
		random, commands[kind] == HADAL_IOC_WRITE ? HADAL_CALL_WRITE : HADAL_CALL_READ);

	m->flags = r.r8;
	m->address = r.rdi;
	m->length = r.rsi;
	m->root = r.r9;
	m->buffer = some_pointer(random, &world);
}

static void seed_get(uint64_t *random, unsigned int kind, struct hadal_ioc_get *get)
{
	get->size = sizeof(struct hadal_stats);
	if (commands[kind] == HADAL_IOC_INFO)
		get->size = sizeof(struct hadal_info);
	if (commands[kind] == HADAL_IOC_REGS)
		get->size = sizeof(struct hadal_regs);
	if (commands[kind] == HADAL_IOC_FIRST)
		get->size = sizeof(struct hadal_first);
	if (!random_below(random, 6))
		get->size = hostile_length(random);
	get->cpu = random_below(random, 3);
	get->buffer = some_pointer(random, &world);
}

static void seed(uint64_t *random, unsigned int kind, union request *request)
{
	struct hadal_test_registers r;

	for (size_t i = 0; i < sizeof(*request); i += 8)
		*(uint64_t *)(request->bytes + i) = random_next(random);
	switch (commands[kind]) {
	case HADAL_IOC_READ:
	case HADAL_IOC_WRITE:
		seed_memory(random, kind, &request->memory);
		break;
	case HADAL_IOC_INFO:
	case HADAL_IOC_REGS:
	case HADAL_IOC_STATS:
	case HADAL_IOC_FIRST:
		seed_get(random, kind, &request->get);
		break;
	case HADAL_IOC_TRANSLATE:
		r = some_call(random, HADAL_CALL_TRANSLATE);
		request->translate.address = r.rdi;
		request->translate.root = r.rsi;
		request->translate.flags = r.r9;
		break;
	case HADAL_IOC_MAP:
	case HADAL_IOC_UNMAP:
		request->map.flags = random_below(random, 3);
		if (commands[kind] == HADAL_IOC_UNMAP)
			request->map.flags &= random_next(random);
		request->map.address = some_pointer(random, &world) & -PAGE;
		if (commands[kind] == HADAL_IOC_UNMAP && random_below(random, 4))
			request->map.address = last_mapped;
		request->map.physical =
			random_below(random, 4)
				? arena_page(&world, DATA + random_below(random, 16))
				: hostile_address(&model, random);
		break;
	case HADAL_IOC_OWN:
		request->own.index = random_below(random, 4);
		break;
	case HADAL_IOC_LOG:
		request->log.reserved = !random_below(random, 8);
		request->log.position = random_next(random) >> random_below(random, 64);
		request->log.buffer = some_pointer(random, &world);
		request->log.size = hostile_length(random);
		break;
	case HADAL_IOC_ROOT:
		request->root.pid = (int32_t[]){getpid(), 2, 0, -1}[random_below(random, 4)];
		break;
	case HADAL_IOC_ADMIT:
		request->admit.pid = (int32_t[]){
			0, -1, 2, getpid(), 1 << 23, random_next(random)}[random_below(random, 6)];
		request->admit.flags = random_below(random, 4);
		request->admit.reserved = !random_below(random, 8);
		break;
	case HADAL_IOC_PAUSE:
	case HADAL_IOC_RESUME:
		request->pause.cpu = random_below(random, 3);
		request->pause.milliseconds =
			commands[kind] == HADAL_IOC_PAUSE ? 1 + random_below(random, 3) : 0;
		request->pause.reserved = !random_below(random, 8);
		break;
	case HADAL_IOC_SET_REGS:
		request->set_regs.cpu = random_below(random, 3);
		request->set_regs.buffer = some_pointer(random, &world);
		request->set_regs.size = sizeof(struct hadal_set_regs);
		break;
	case HADAL_IOC_RAM:
		request->ram.count = hostile_length(random);
		request->ram.buffer = some_pointer(random, &world);
		break;
	case HADAL_IOC_CLIENTS:
		request->clients.count = hostile_length(random);
		request->clients.buffer = some_pointer(random, &world);
		break;
	}
	request->version = random_below(random, 16) ? HADAL_ABI_VERSION : random_next(random);
}

/* Changes one field somewhere; the version is left for seed(). */
static void mutate(uint64_t *random, union request *request)
{
	size_t at = 4 + random_below(random, 60);

	if (random_below(random, 2))
		request->bytes[at] ^= 1u << random_below(random, 8);
	else
		*(uint64_t *)(request->bytes + at / 8 * 8 + 8) =
			random_below(random, 2) ? some_pointer(random, &world)
						: hostile_length(random);
}

static bool is_documented(int error)
{
	static const int documented[] = {EINVAL, EFAULT, ENXIO,   EACCES,   EPROTO,
					 EEXIST, ENOENT, ENOMEM,  EALREADY, ENOSPC,
					 ESRCH,  EBUSY,  EDEADLK, ETIMEDOUT};

	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++)
		if (documented[i] == error)
			return true;
	return false;
}

static void fail(const char *why, unsigned int kind, const union request *r, int error)
{
	printf("%s: call %u, error %d (%s)\n", why, kind, error, strerror(error));
	for (size_t i = 0; i < 64; i += 8)
		printf(" %" PRIx64, *(uint64_t *)(r->bytes + i));
	printf("\nregion %p, arena %" PRIx64 "\n", (void *)region, world.arena.physical);
	exit(1);
}

/* The bytes behind the end of what may be written, when they can be read. */
static const uint8_t *edge_of(unsigned int kind, const union request *request)
{
	uint64_t buffer = request->get.buffer, size = 0, offset;

	if (commands[kind] == HADAL_IOC_READ) {
		buffer = request->memory.buffer;
		size = request->memory.length;
	} else if (commands[kind] == HADAL_IOC_LOG) {
		buffer = request->log.buffer;
		size = request->log.size;
	} else if (commands[kind] == HADAL_IOC_CLIENTS) {
		buffer = request->clients.buffer;
		size = request->clients.count * sizeof(struct hadal_client_info);
	} else if (commands[kind] == HADAL_IOC_RAM) {
		buffer = request->ram.buffer;
		size = request->ram.count * sizeof(struct hadal_range);
	} else if (kind >= 5 && kind <= 7) {
		size = request->get.size;
	}
	if (!size || size > REGION_PAGES * PAGE)
		return NULL;
	offset = buffer + size - (uintptr_t)region;
	return offset <= REGION_PAGES * PAGE - EDGE ? region + offset : NULL;
}

static void known_command(uint64_t *random, int device)
{
	unsigned int kind;
	union request request, before;
	uint8_t kept[EDGE];
	const uint8_t *edge;
	int error;

	do {
		/* MAP makes all CPUs flush, and PAUSE one wait: they take long. */
		kind = random_below(random, KINDS);
		if ((commands[kind] == HADAL_IOC_MAP || commands[kind] == HADAL_IOC_PAUSE) &&
		    random_below(random, 8))
			kind = 3;
		seed(random, kind, &request);
		for (uint64_t n = random_below(random, 3); n > 0; n--)
			mutate(random, &request);
	} while (!is_harmless(kind, &request));
	before = request;
	edge = edge_of(kind, &request);
	if (edge)
		memcpy(kept, edge, EDGE);
	error = ioctl(device, commands[kind], &request) ? errno : 0;
	if (edge && memcmp(kept, edge, EDGE))
		fail("memory behind the buffer was changed", kind, &before, error);
	if (memcmp(request.bytes + 512, before.bytes + 512, 512))
		fail("memory behind the request was changed", kind, &before, error);
	if (error && !is_documented(error))
		fail("an error that is not documented", kind, &before, error);
	if (before.version != HADAL_ABI_VERSION && commands[kind] != HADAL_IOC_STATE &&
	    error != EPROTO)
		fail("a wrong version was taken", kind, &before, error);
	if (commands[kind] == HADAL_IOC_READ || commands[kind] == HADAL_IOC_WRITE)
		if (error != EPROTO && (request.memory.done > before.memory.length ||
					(!error && request.memory.done != before.memory.length)))
			fail("not as much done as it says", kind, &request, error);
	if (commands[kind] == HADAL_IOC_MAP && !error)
		last_mapped = before.map.address;
	*(error ? &failed_of[kind] : &done_of[kind]) += 1;
}

/* Known calls with an unknown size or direction, unknown ones, and pointers to nothing. */
static void odd_command(uint64_t *random, int device)
{
	unsigned long command = commands[random_below(random, KINDS)];
	union request request = {.version = HADAL_ABI_VERSION + 1};
	void *pointer = &request;
	int error;

	if (random_below(random, 2)) {
		command ^= 1ul << random_below(random, 32);
	} else {
		pointer = (void *)some_pointer(random, &world);
		spoil_version(pointer);
	}
	error = ioctl(device, command, pointer) ? errno : 0;
	if (error != ENOTTY && error != EFAULT && error != EPROTO &&
	    (command & 0xffffffff) != HADAL_IOC_STATE)
		fail("an odd command was taken", command & 0xff, &request, error);
	unknown++;
}

static int fuzz_cpu(unsigned int cpu, uint64_t count, uint64_t seed_value)
{
	uint64_t random = seed_value + cpu;
	int device = open("/dev/hadal", O_RDWR);

	CHECK(device >= 0);
	model.cpu = cpu;
	pin_to_cpu(cpu);
	ring0_open(&world.arena);
	make_region();
	hostile_tables(&model, &random);
	for (uint64_t i = 0; i < count; i++) {
		if (random_below(&random, 8))
			known_command(&random, device);
		else
			odd_command(&random, device);
		/* What is mapped goes with the file that it was mapped by. */
		if (i % 256 == 255) {
			close(device);
			device = open("/dev/hadal", O_RDWR);
			CHECK(device >= 0);
		}
	}
	close(device);
	printf("CPU %u: %" PRIu64 " calls, %" PRIu64 " odd ones; done/failed:", cpu, count,
	       unknown);
	for (int i = 0; i < KINDS; i++)
		printf(" %" PRIu64 "/%" PRIu64, done_of[i], failed_of[i]);
	printf("\n");
	for (int i = 2; i < KINDS; i++)
		CHECK((done_of[i] || commands[i] == HADAL_IOC_RESUME ||
		       commands[i] == HADAL_IOC_SET_REGS || commands[i] == HADAL_IOC_FIRST) &&
		      (failed_of[i] || commands[i] == HADAL_IOC_STATE));
	return 0;
}

static uint64_t random_seed(void)
{
	uint32_t value = 1;

	getrandom(&value, sizeof(value), 0);
	return value;
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 10000; /* fewer do not reach all */
	uint64_t seed_value = argc > 2 ? strtoull(argv[2], NULL, 0) : random_seed();
	const struct hadal_info *info;
	int status, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("repeat this with: test_fuzz_ioctl %" PRIu64 " %" PRIu64 "\n", count, seed_value);
	world_open(&world, false);
	for (unsigned int cpu = 0; cpu < 2; cpu++)
		if (!fork())
			return fuzz_cpu(cpu, count, seed_value);
	while (wait(&status) > 0)
		failed |= status;
	CHECK(!failed);
	info = (void *)world.arena.bytes;
	EQUAL(ring0_call(HADAL_CALL_INFO, world.arena.physical, PAGE, 0, 0, 0), 0);
	EQUAL(info->mapped_pages, 0);
	EQUAL(info->cpu_running, 2);
	return 0;
}
