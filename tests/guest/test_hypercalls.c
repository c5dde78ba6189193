// SPDX-License-Identifier: MIT
/*
 * Every hypercall but those of memory (test_hypercalls_memory.c), with each of its errors, as
 * <hadal/abi.h> tells them.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <hadal/boot.h>

#include "support/check.h"
#include "support/ring3.h"
#include "support/world.h"

#define FILLER 0x5a

static struct world world;

/* Pages of the arena: one for results, the next one shown read-only, one to show, one to map. */
enum { PAGE_RESULT = 8, PAGE_READ_ONLY, PAGE_SHOWN, PAGE_MAPPED = 13 };

static uint8_t *page_bytes(unsigned int page)
{
	return world.arena.bytes + page * PAGE;
}

static void fill_result(void)
{
	memset(page_bytes(PAGE_RESULT), FILLER, PAGE);
}

/* How many bytes of the result page have been changed, up to the last one. */
static size_t bytes_changed(void)
{
	size_t n = PAGE;

	while (n && page_bytes(PAGE_RESULT)[n - 1] == FILLER)
		n--;
	return n;
}

static int64_t map_page(uint64_t address, uint64_t shown, uint64_t flags)
{
	return ring0_call(HADAL_CALL_MAP, address, shown, flags, 0, 0);
}

static int64_t unmap_page(uint64_t address)
{
	return ring0_call(HADAL_CALL_UNMAP, address, 0, 0, 0, 0);
}

static void query(void)
{
	for (unsigned int cpu = 0; cpu < 2; cpu++)
		for (int64_t version = -1; version <= 2; version++) {
			struct hadal_test_registers before, after;

			for (int i = 0; i < 15; i++)
				(&before.rax)[i] = 0x1111111111111111ull * (i + 1);
			before.rax = HADAL_CALL_BASE + HADAL_CALL_QUERY;
			before.rdi = version;
			after = before;
			pin_to_cpu(cpu);
			CHECK(ring0_execute(&after));
			EQUAL(after.rax, version == HADAL_ABI_VERSION ? 0 : -EPROTO);
			EQUAL(after.rdi, HADAL_ABI_VERSION);
			EQUAL(after.rsi, world.info.vendor);
			EQUAL(after.rdx, cpu);
			before.rax = after.rax;
			before.rdi = after.rdi;
			before.rsi = after.rsi;
			before.rdx = after.rdx;
			CHECK(!memcmp(&before, &after, sizeof(before)));
		}
	pin_to_cpu(0);
}

/* A call that fills a struct of `bytes` at a buffer. */
struct filler {
	const char *name;
	int64_t (*call)(uint64_t buffer, uint64_t size);
	size_t bytes;
};

static int64_t call_info(uint64_t buffer, uint64_t size)
{
	return ring0_call(HADAL_CALL_INFO, buffer, size, 0, 0, 0);
}

static int64_t call_regs(uint64_t buffer, uint64_t size)
{
	return ring0_call(HADAL_CALL_REGS, 0, buffer, size, 0, 0);
}

static int64_t call_other_regs(uint64_t buffer, uint64_t size)
{
	return ring0_call(HADAL_CALL_REGS, 1, buffer, size, 0, 0);
}

static int64_t call_stats(uint64_t buffer, uint64_t size)
{
	return ring0_call(HADAL_CALL_STATS, 1, buffer, size, 0, 0);
}

static int64_t call_translate(uint64_t buffer, uint64_t size)
{
	return ring0_call(HADAL_CALL_TRANSLATE, 0x1234, HADAL_ROOT_CURRENT, buffer, size, 0);
}

static void unchanged(const struct filler *filler, int64_t result, int64_t expected)
{
	if (result == expected && !bytes_changed())
		return;
	printf("%s gives %ld, expected %ld; %zu bytes changed\n", filler->name, (long)result,
	       (long)expected, bytes_changed());
	exit(1);
}

static void wrong_buffers(const struct filler *filler)
{
	const uint64_t wrong[] = {
		world.own,
		world.own - 8, /* the struct begins in a page of somebody else */
		world.ram_end,
		LOCAL_APIC,
		1ull << world.info.physical_bits,
		(1ull << world.info.physical_bits) + arena_page(&world, PAGE_RESULT),
		1ull << 52,
		(1ull << 52) | arena_page(&world, PAGE_RESULT),
		1ull << 63,
		(uint64_t)-PAGE,
		-8ull,
		world.arena.kernel_virtual,
		(uintptr_t)world.arena.bytes,
		arena_page(&world, PAGE_READ_ONLY) - 8,
		arena_page(&world, PAGE_READ_ONLY) - filler->bytes + 1,
		arena_page(&world, PAGE_READ_ONLY) + 8,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t kept = 0;

		if (wrong[i] == world.own - 8)
			EQUAL(ring0_call(HADAL_CALL_READ, world.own - 8, 8, world.arena.physical, 0,
					 0),
			      8);
		kept = *(uint64_t *)world.arena.bytes;
		unchanged(filler, filler->call(wrong[i], filler->bytes), -EFAULT);
		if (wrong[i] != world.own - 8)
			continue;
		EQUAL(ring0_call(HADAL_CALL_READ, world.own - 8, 8, world.arena.physical, 0, 0), 8);
		EQUAL(*(uint64_t *)world.arena.bytes, kept);
	}
}

static void fillers(void)
{
	static const struct filler all[] = {
		{"INFO", call_info, sizeof(struct hadal_info)},
		{"REGS", call_regs, sizeof(struct hadal_regs)},
		{"REGS of the other CPU", call_other_regs, sizeof(struct hadal_regs)},
		{"STATS", call_stats, sizeof(struct hadal_stats)},
		{"TRANSLATE", call_translate, sizeof(struct hadal_translation)},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct filler *filler = &all[i];
		uint64_t buffer = arena_page(&world, PAGE_RESULT);

		fill_result();
		unchanged(filler, filler->call(buffer, 0), -EINVAL);
		unchanged(filler, filler->call(buffer, filler->bytes - 1), -EINVAL);
		wrong_buffers(filler);
		EQUAL(filler->call(buffer, filler->bytes), 0);
		CHECK(bytes_changed() <= filler->bytes);
		fill_result();
		EQUAL(filler->call(buffer, -1ull), 0);
		CHECK(bytes_changed() && bytes_changed() <= filler->bytes);
		/* The last place before the page that may not be written, and an odd one. */
		EQUAL(filler->call(buffer + PAGE - filler->bytes, filler->bytes), 0);
		EQUAL(filler->call(buffer + 3, filler->bytes), 0);
	}
}

static void info(void)
{
	const struct hadal_info *told = &world.info;

	EQUAL(told->abi_version, HADAL_ABI_VERSION);
	CHECK(told->vendor == HADAL_VENDOR_INTEL || told->vendor == HADAL_VENDOR_AMD);
	EQUAL(told->cpu_running, 2);
	CHECK(told->cpu_count >= 2 && told->cpu_count <= HADAL_MAX_CPUS);
	CHECK(told->image_bytes && told->image_bytes <= HADAL_MAX_IMAGE_BYTES);
	CHECK(told->pool_free <= told->pool_pages && told->bytes_per_cpu);
	CHECK(told->physical_bits >= 36 && told->physical_bits <= 52);
	CHECK(told->version[0] && !told->version[sizeof(told->version) - 1]);
	for (uint32_t i = 0; i < told->ram_count; i++) {
		CHECK(world.ram[i].start < world.ram[i].end);
		CHECK(!i || world.ram[i].start > world.ram[i - 1].end);
	}
}

static void ram(void)
{
	uint64_t buffer = arena_page(&world, PAGE_RESULT), count = world.info.ram_count;

	fill_result();
	EQUAL(ring0_call(HADAL_CALL_RAM, buffer, 15, 0, 0, 0), -EINVAL);
	EQUAL(ring0_call(HADAL_CALL_RAM, LOCAL_APIC, 16, 0, 0, 0), -EFAULT);
	EQUAL(ring0_call(HADAL_CALL_RAM, world.own, PAGE, 0, 0, 0), -EFAULT);
	EQUAL(ring0_call(HADAL_CALL_RAM, LOCAL_APIC, 0, 0, 0, 0), (int64_t)count);
	EQUAL(bytes_changed(), 0);
	EQUAL(ring0_call(HADAL_CALL_RAM, buffer, 16, 0, 0, 0), (int64_t)count);
	EQUAL(bytes_changed(), 16);
	EQUAL(ring0_call(HADAL_CALL_RAM, buffer, -16ull, 0, 0, 0), (int64_t)count);
	EQUAL(memcmp(page_bytes(PAGE_RESULT), world.ram, count * 16), 0);
}

/* Together they are the image and its pool, and nobody reads them. */
static void own(void)
{
	const uint64_t beyond[] = {world.own_ranges, 1ull << 32, -1ull};
	struct hadal_test_registers in;
	uint64_t bytes = 0;

	for (uint64_t i = 0; i < world.own_ranges; i++) {
		in = (struct hadal_test_registers){.rax = HADAL_CALL_BASE + HADAL_CALL_OWN,
						   .rdi = i};
		CHECK(ring0_execute(&in));
		EQUAL(in.rax, 0);
		CHECK(in.rdi < in.rsi && !(in.rdi % PAGE) && !(in.rsi % PAGE));
		bytes += in.rsi - in.rdi;
		for (uint64_t at = in.rdi; at < in.rsi; at += PAGE)
			EQUAL(ring0_call(HADAL_CALL_READ, at, 1, world.arena.physical, 0, 0),
			      -EACCES);
	}
	EQUAL(bytes,
	      (world.info.image_bytes + PAGE - 1) / PAGE * PAGE + world.info.pool_pages * PAGE);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		EQUAL(ring0_call(HADAL_CALL_OWN, beyond[i], 0, 0, 0, 0), -ENOENT);
}

static void registers(void)
{
	const struct hadal_regs *regs = (void *)page_bytes(PAGE_RESULT);
	struct hadal_test_registers in;
	uint64_t buffer = arena_page(&world, PAGE_RESULT);

	for (int i = 0; i < 15; i++)
		(&in.rax)[i] = 0x0101010101010101ull * (i + 1);
	in.rax = HADAL_CALL_BASE + HADAL_CALL_REGS;
	in.rdi = 0;
	in.rsi = buffer;
	in.rdx = sizeof(*regs);
	CHECK(ring0_execute(&in));
	EQUAL(in.rax, 0);
	EQUAL(regs->rax, HADAL_CALL_BASE + HADAL_CALL_REGS);
	EQUAL(regs->rcx, in.rcx);
	EQUAL(regs->rdx, in.rdx);
	EQUAL(regs->rbx, in.rbx);
	EQUAL(regs->rbp, in.rbp);
	EQUAL(regs->rsi, in.rsi);
	EQUAL(regs->rdi, in.rdi);
	for (int i = 0; i < 8; i++)
		EQUAL((&regs->r8)[i], (&in.r8)[i]);
	EQUAL(regs->cpu, 0);
	CHECK((int64_t)regs->rip < 0 && (int64_t)regs->rsp < 0 && (int64_t)regs->lstar < 0);
	CHECK(regs->cr0 >> 31 & 1 && regs->efer >> 10 & 1 && regs->cr3);
	EQUAL(regs->cs.selector & 3, 0);

	EQUAL(call_other_regs(buffer, sizeof(*regs)), 0);
	EQUAL(regs->cpu, 1);
	const uint64_t none[] = {world.info.cpu_count, HADAL_MAX_CPUS, 1ull << 32, 1ull << 63,
				 -1ull};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		EQUAL(ring0_call(HADAL_CALL_REGS, none[i], buffer, PAGE, 0, 0), -ENXIO);
		EQUAL(ring0_call(HADAL_CALL_STATS, none[i], buffer, PAGE, 0, 0), -ENXIO);
	}
}

static void stats(void)
{
	const struct hadal_stats *told = (void *)page_bytes(PAGE_RESULT);
	uint64_t buffer = arena_page(&world, PAGE_RESULT), before;

	EQUAL(ring0_call(HADAL_CALL_STATS, 0, buffer, PAGE, 0, 0), 0);
	EQUAL(told->cpu, 0);
	EQUAL(told->kind_count, HADAL_EXIT_KIND_COUNT);
	EQUAL(told->faults, 0);
	before = told->exits[HADAL_EXIT_HYPERCALL];
	for (int i = 0; i < 10; i++)
		ring0_call(HADAL_CALL_QUERY, HADAL_ABI_VERSION, 0, 0, 0, 0);
	EQUAL(ring0_call(HADAL_CALL_STATS, 0, buffer, PAGE, 0, 0), 0);
	EQUAL(told->exits[HADAL_EXIT_HYPERCALL] - before, 11);
}

static int64_t read_log(uint64_t *position, uint64_t buffer, uint64_t size)
{
	struct hadal_test_registers in = {
		.rax = HADAL_CALL_BASE + HADAL_CALL_LOG,
		.rdi = *position,
		.rsi = buffer,
		.rdx = size,
	};

	CHECK(ring0_execute(&in));
	*position = in.rdi;
	return in.rax;
}

static void log_text(void)
{
	uint64_t buffer = arena_page(&world, PAGE_RESULT), position = 0, total = 0, end;
	int64_t bytes;

	EQUAL(read_log(&position, buffer, 0), -EINVAL);
	EQUAL(read_log(&position, world.own, PAGE), -EFAULT);
	EQUAL(read_log(&position, arena_page(&world, PAGE_READ_ONLY) - 4, 64), -EFAULT);
	EQUAL(read_log(&position, -8ull, 64), -EFAULT);
	EQUAL(position, 0);
	fill_result();
	EQUAL(read_log(&position, buffer, 1), 1);
	EQUAL(bytes_changed(), 1);
	EQUAL(page_bytes(PAGE_RESULT)[0], '[');
	while ((bytes = read_log(&position, buffer, -1ull)) > 0) {
		CHECK((uint64_t)bytes <= PAGE);
		total += bytes;
	}
	EQUAL(bytes, 0);
	CHECK(total);
	end = position;
	for (uint64_t far = 1; far; far <<= 1) {
		position = end + far;
		EQUAL(read_log(&position, buffer, PAGE), 0);
		EQUAL(position, end + far);
	}
}

static void *read_first_byte(void *address)
{
	pin_to_cpu(1);
	return (void *)(uintptr_t) * (volatile uint8_t *)address;
}

/* What the other CPU sees at an address, whose first byte it has seen before. */
static uint8_t seen_by_other_cpu(void *address)
{
	pthread_t thread;
	void *result;

	CHECK(!pthread_create(&thread, NULL, read_first_byte, address));
	CHECK(!pthread_join(thread, &result));
	return (uintptr_t)result;
}

static void map_errors(void)
{
	uint64_t page = arena_page(&world, PAGE_MAPPED), shown = arena_page(&world, PAGE_SHOWN);

	EQUAL(map_page(page, shown, 2), -EINVAL);
	EQUAL(map_page(page, shown, 1ull << 32), -EINVAL);
	EQUAL(map_page(page + 1, shown, 0), -EINVAL);
	EQUAL(map_page(page, shown + 0x800, 0), -EINVAL);
	EQUAL(map_page(world.own, shown, 0), -EACCES);
	EQUAL(map_page(page, world.own, 0), -EACCES);
	EQUAL(map_page(page, LOCAL_APIC, 0), -ENXIO);
	EQUAL(map_page(LOCAL_APIC, shown, 0), -ENXIO);
	EQUAL(map_page(page, world.ram_end, 0), -ENXIO);
	EQUAL(map_page(page | 1ull << 52, shown, 0), -ENXIO);
	EQUAL(map_page(page | 1ull << 63, shown, 0), -ENXIO);
	EQUAL(map_page(page, shown | 1ull << 48, 0), -ENXIO);
	EQUAL(unmap_page(page), -ENOENT);
	EQUAL(unmap_page(page + 8), -EINVAL);
	EQUAL(unmap_page(world.own), -ENOENT);
	EQUAL(unmap_page(0), -ENOENT);
	EQUAL(unmap_page(1ull << 63), -ENOENT);
	EQUAL(unmap_page((uint64_t)-PAGE), -ENOENT);
}

static void window_errors(void)
{
	const uint64_t wrong[] = {1,          1ull << 29,          1ull << 30,
				  3ull << 30, (1ull << 33) + PAGE, 1ull << world.info.physical_bits,
				  1ull << 63, -1ull << 30};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EQUAL(ring0_call(HADAL_CALL_WINDOW, wrong[i], 0, 0, 0, 0), -EINVAL);
	EQUAL(ring0_call(HADAL_CALL_WINDOW, 0, 0, 0, 0, 0), -ENOENT);
}

/* Strings that begin and end beside a page which refuses writes: the rest is written. */
static void write_by_strings(uint8_t *refused)
{
	static const uint8_t from[PAGE + 64] = {[0 ... PAGE + 63] = 0x77};
	uint8_t *at = refused - 32;
	const void *source = from;
	uint64_t count = (PAGE + 64) / 8;

	memset(at, 0, 32);
	memset(refused + PAGE, 0, 32);
	__asm__ volatile("rep movsq" : "+D"(at), "+S"(source), "+c"(count)::"memory");
	EQUAL(count, 0);
	CHECK(at == refused + PAGE + 32 && source == from + sizeof(from));
	CHECK(!memcmp(refused - 32, from, 32) && !memcmp(refused + PAGE, from, 32));
	CHECK(refused[PAGE - 1] != 0x77);
	at = refused - 32;
	count = PAGE + 64;
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(0x66) : "memory");
	CHECK(!count && refused[-1] == 0x66 && refused[PAGE + 31] == 0x66);
	CHECK(refused[PAGE - 1] != 0x66);
}

static void mapped_pages(void)
{
	volatile uint8_t *view = page_bytes(PAGE_MAPPED), *source = page_bytes(PAGE_SHOWN);
	uint64_t page = arena_page(&world, PAGE_MAPPED), shown = arena_page(&world, PAGE_SHOWN);

	view[0] = 1;
	source[0] = 2;
	EQUAL(seen_by_other_cpu((void *)view), 1);
	EQUAL(map_page(page, shown, 0), 0);
	EQUAL(view[0], 2);
	EQUAL(seen_by_other_cpu((void *)view), 2);
	EQUAL(map_page(page, shown, 0), -EEXIST);
	EQUAL(map_page(page, page, HADAL_MAP_WRITE), -EEXIST);
	EQUAL(ring0_call(HADAL_CALL_STOP, 0, 0, 0, 0, 0), -EBUSY);
	view[0] = 3; /* refused */
	EQUAL(view[0], 2);
	EQUAL(source[0], 2);
	write_by_strings(page_bytes(PAGE_MAPPED));
	EQUAL(source[0], 2);
	EQUAL(unmap_page(page), 0);
	EQUAL(view[0], 1);
	EQUAL(seen_by_other_cpu((void *)view), 1);

	EQUAL(map_page(page, shown, HADAL_MAP_WRITE), 0);
	view[0] = 4;
	EQUAL(source[0], 4);
	EQUAL(unmap_page(page), 0);
	EQUAL(unmap_page(page), -ENOENT);
	EQUAL(view[0], 1);
}

/* Everything that is no call of Hadal's raises #UD and changes nothing. */
static void unknown_numbers(void)
{
	static const uint64_t numbers[] = {
		0,
		1,
		9,
		-1ull,
		HADAL_CALL_COUNT,
		0x80000000,
		HADAL_CALL_BASE - 1,
		HADAL_CALL_BASE + HADAL_CALL_COUNT,
		HADAL_CALL_BASE + HADAL_CALL_COUNT + 1,
		HADAL_CALL_BASE + 0xff,
		HADAL_CALL_BASE + HADAL_CALL_EXTENSION,
		HADAL_CALL_BASE + HADAL_CALL_EXTENSION_LAST,
		HADAL_CALL_BASE + HADAL_CALL_EXTENSION_LAST + 1,
		HADAL_CALL_BASE + 0xffffffff,
		HADAL_CALL_BASE ^ 1ull << 63,
		HADAL_CALL_BASE ^ 1ull << 32,
	};
	struct hadal_test_registers before, after;

	for (int i = 0; i < 15; i++)
		(&before.rax)[i] = 0x8080808080808080ull + i;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		before.rax = numbers[i];
		after = before;
		CHECK(!ring0_execute(&after));
		CHECK(!memcmp(&before, &after, sizeof(before)));
	}
	before.rax = HADAL_CALL_BASE + HADAL_CALL_QUERY;
	after = before;
	CHECK(!ring0_execute_other(&after));
	CHECK(!memcmp(&before, &after, sizeof(before)));
}

static void unprivileged(void)
{
	for (uint64_t number = 0; number <= HADAL_CALL_EXTENSION; number++)
		for (int vmcall = 0; vmcall < 2; vmcall++)
			CHECK(ring3_is_illegal(HADAL_CALL_BASE + number, vmcall));
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	pin_to_cpu(0);
	world_open(&world, false);
	query();
	info();
	ram();
	own();
	EQUAL(map_page(arena_page(&world, PAGE_READ_ONLY), arena_page(&world, PAGE_SHOWN), 0), 0);
	fillers();
	log_text();
	EQUAL(unmap_page(arena_page(&world, PAGE_READ_ONLY)), 0);
	registers();
	stats();
	map_errors();
	window_errors();
	mapped_pages();
	unknown_numbers();
	unprivileged();
	EQUAL(call_info(arena_page(&world, PAGE_RESULT), PAGE), 0);
	EQUAL(((struct hadal_info *)page_bytes(PAGE_RESULT))->mapped_pages, 0);
	EQUAL(((struct hadal_info *)page_bytes(PAGE_RESULT))->pool_free, world.info.pool_free);
	return 0;
}
