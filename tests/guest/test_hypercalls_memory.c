// SPDX-License-Identifier: MIT
/* The hypercalls of memory, TRANSLATE, READ and WRITE, with each error that <hadal/abi.h> names. */
#include <errno.h>
#include <string.h>

#include "support/check.h"
#include "support/world.h"

#define PRESENT    1ull
#define WRITABLE   2ull
#define USER       4ull
#define LARGE      0x80ull
#define NX         (1ull << 63)
#define ALL        (PRESENT | WRITABLE | USER)
#define RIGHTS_ALL (HADAL_STEP_READ | HADAL_STEP_WRITE | HADAL_STEP_EXECUTE | HADAL_STEP_USER)
#define ABSENT     (1ull << 30) /* a virtual address that no table of the test maps */

/* Pages of the arena; the last two are neighbours, the second of which is shown read-only. */
enum { PAGE_TABLE = 16, PAGE_DATA = 24, PAGE_BUFFER = 40, PAGE_READ_ONLY };

static struct world world;

static uint8_t *page_bytes(unsigned int page)
{
	return world.arena.bytes + page * PAGE;
}

static uint64_t *table(unsigned int level)
{
	return (uint64_t *)page_bytes(PAGE_TABLE + 5 - level);
}

static uint64_t table_address(unsigned int level)
{
	return arena_page(&world, PAGE_TABLE + 5 - level);
}

/* Tables of five levels, empty but for the way to the last one at address 0. */
static void fresh_tables(void)
{
	for (unsigned int level = 5; level > 0; level--) {
		memset(table(level), 0, PAGE);
		if (level > 1)
			table(level)[0] = table_address(level - 1) | ALL;
	}
}

static int64_t translate_flags(uint64_t address, uint64_t root, uint64_t flags,
			       struct hadal_translation *out)
{
	int64_t result = ring0_call(HADAL_CALL_TRANSLATE, address, root,
				    arena_page(&world, PAGE_BUFFER), sizeof(*out), flags);

	memcpy(out, page_bytes(PAGE_BUFFER), sizeof(*out));
	return result;
}

static struct hadal_translation translate(uint64_t address, uint64_t root)
{
	struct hadal_translation out;

	EQUAL(translate_flags(address, root, HADAL_MEM_LA48, &out), 0);
	EQUAL(out.levels, 4);
	return out;
}

static void translate_own_space(void)
{
	uint64_t address = world.arena.kernel_virtual + 0x1234;
	struct hadal_translation out;

	EQUAL(translate_flags(address, HADAL_ROOT_CURRENT, 0, &out), 0);
	EQUAL(out.result, 0);
	EQUAL(out.physical, world.arena.physical + 0x1234);
	CHECK(!(out.rights & HADAL_STEP_USER) && out.rights & HADAL_STEP_WRITE);
	CHECK(out.step_count >= 2 && out.step_count <= out.levels);
	EQUAL(out.step[0].level, out.levels);
	EQUAL(out.page_bytes, PAGE << 9 * (out.levels - out.step_count));
	EQUAL(translate_flags((uintptr_t)page_bytes(3) + 5, HADAL_ROOT_CURRENT, 0, &out), 0);
	EQUAL(out.result, 0);
	EQUAL(out.physical, arena_page(&world, 3) + 5);
	EQUAL(out.page_bytes, PAGE);
	CHECK(out.rights & HADAL_STEP_USER);
}

static void translate_errors(void)
{
	static const uint64_t wrong_flags[] = {
		HADAL_MEM_VIRTUAL, HADAL_MEM_MMIO, 16, HADAL_MEM_LA48 | HADAL_MEM_LA57,
		1ull << 32,        1ull << 63,
	};
	const uint64_t not_ram[] = {LOCAL_APIC, world.ram_end,
				    1ull << (world.info.physical_bits - 1)};
	const uint64_t beyond = 1ull << world.info.physical_bits;
	struct hadal_translation out;

	for (size_t i = 0; i < sizeof(wrong_flags) / sizeof(wrong_flags[0]); i++)
		EQUAL(translate_flags(0, table_address(4), wrong_flags[i], &out), -EINVAL);
	if (world.info.physical_bits < 52)
		EQUAL(translate_flags(0, beyond | table_address(4), 0, &out), -EINVAL);
	fresh_tables();
	for (size_t i = 0; i < sizeof(not_ram) / sizeof(not_ram[0]); i++) {
		out = translate(0, not_ram[i]);
		EQUAL(out.result, -ENXIO);
		EQUAL(out.step_count, 0);
	}
	EQUAL(translate(1ull << 47, table_address(4)).result, -EINVAL);
	EQUAL(translate(-1ull << 48, table_address(4)).result, -EINVAL);
	/* The hypervisor's own page is one of zeros to everybody else. */
	EQUAL(translate(0, world.own).result, -EFAULT);

	out = translate(0x5678, table_address(4));
	EQUAL(out.result, -EFAULT);
	EQUAL(out.step_count, 4);
	EQUAL(out.step[3].entry_address, table_address(1) + 5 * 8);
	EQUAL(out.step[3].level, 1);
	EQUAL(out.physical, 0);

	table(2)[1] = LOCAL_APIC | ALL;
	EQUAL(translate(1ull << 21, table_address(4)).result, -ENXIO);
	table(2)[1] = world.ram_end | ALL;
	EQUAL(translate(1ull << 21, table_address(4)).result, -ENXIO);
	/* Reserved bits: an address beyond the processor's, a page that is not aligned. */
	if (world.info.physical_bits < 52) {
		table(2)[1] = 1ull << world.info.physical_bits | ALL;
		EQUAL(translate(1ull << 21, table_address(4)).result, -EINVAL);
		table(1)[1] = 1ull << 51 | ALL;
		EQUAL(translate(1ull << 12, table_address(4)).result, -EINVAL);
	}
	table(2)[1] = 1ull << 20 | LARGE | ALL;
	EQUAL(translate(1ull << 21, table_address(4)).result, -EINVAL);
	table(4)[1] = table_address(3) | LARGE | ALL;
	EQUAL(translate(1ull << 39, table_address(4)).result, -EINVAL);
}

static void translate_pages(void)
{
	struct hadal_translation out;

	fresh_tables();
	table(1)[1] = arena_page(&world, PAGE_DATA) | ALL;
	table(1)[2] = arena_page(&world, PAGE_DATA) | PRESENT | NX;
	table(1)[3] = world.own | ALL;
	table(2)[2] = (6ull << 21) | LARGE | ALL;
	table(3)[3] = (5ull << 30) | LARGE | PRESENT | WRITABLE;
	out = translate(0x1abc, table_address(4));
	EQUAL(out.result, 0);
	EQUAL(out.physical, arena_page(&world, PAGE_DATA) + 0xabc);
	EQUAL(out.rights, RIGHTS_ALL);
	EQUAL(out.page_bytes, PAGE);
	EQUAL(out.step_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		EQUAL(out.step[i].level, 4 - i);
		EQUAL(out.step[i].entry_address, table_address(4 - i) + (i == 3 ? 8 : 0));
		EQUAL(out.step[i].entry, table(4 - i)[i == 3]);
		EQUAL(out.step[i].rights, RIGHTS_ALL);
	}
	out = translate(0x2000, table_address(4) | 0xfff); /* PCID and flags of CR3 */
	EQUAL(out.result, 0);
	EQUAL(out.rights, HADAL_STEP_READ);
	out = translate((2ull << 21) + 0x12345, table_address(4));
	EQUAL(out.result, 0);
	EQUAL(out.page_bytes, 1ull << 21);
	EQUAL(out.physical, (6ull << 21) + 0x12345);
	EQUAL(out.step_count, 3);
	out = translate((3ull << 30) + 0x1234567, table_address(4));
	EQUAL(out.result, 0);
	EQUAL(out.page_bytes, 1ull << 30);
	EQUAL(out.physical, (5ull << 30) + 0x1234567);
	EQUAL(out.rights, HADAL_STEP_READ | HADAL_STEP_WRITE | HADAL_STEP_EXECUTE);
	EQUAL(out.step_count, 2);

	EQUAL(translate_flags(0x1abc, table_address(5), HADAL_MEM_LA57, &out), 0);
	EQUAL(out.levels, 5);
	EQUAL(out.step_count, 5);
	EQUAL(out.result, 0);
	EQUAL(out.physical, arena_page(&world, PAGE_DATA) + 0xabc);
	EQUAL(translate_flags(1ull << 47, table_address(5), HADAL_MEM_LA57, &out), 0);
	EQUAL(out.result, -EFAULT);
	EQUAL(translate_flags(1ull << 56, table_address(5), HADAL_MEM_LA57, &out), 0);
	EQUAL(out.result, -EINVAL);
}

/* A table all of whose entries lead back to itself. */
static void translate_loop(void)
{
	static const uint64_t addresses[] = {0, 0x7fffffffffff, -1ull, 0xffff800000000000,
					     0x123456};
	struct hadal_translation out;

	for (unsigned int i = 0; i < 512; i++)
		table(4)[i] = table_address(4) | ALL;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		uint64_t offset = addresses[i] & (PAGE - 1);

		out = translate(addresses[i], table_address(4));
		EQUAL(out.result, 0);
		EQUAL(out.step_count, 4);
		EQUAL(out.physical, table_address(4) + offset);
		EQUAL(translate_flags(addresses[i], table_address(4), HADAL_MEM_LA57, &out), 0);
		EQUAL(out.result, 0);
		EQUAL(out.step_count, 5);
		EQUAL(out.physical, table_address(4) + offset);
	}
}

/* READ and WRITE have the same arguments, and but for the direction the same results. */
static int64_t transfer(bool write, uint64_t address, uint64_t length, uint64_t flags,
			uint64_t root)
{
	return ring0_call(write ? HADAL_CALL_WRITE : HADAL_CALL_READ, address, length,
			  arena_page(&world, PAGE_BUFFER), flags, root);
}

static int64_t transfer_buffer(bool write, uint64_t buffer, uint64_t length)
{
	return ring0_call(write ? HADAL_CALL_WRITE : HADAL_CALL_READ, arena_page(&world, PAGE_DATA),
			  length, buffer, 0, 0);
}

static void wrong_arguments(bool write)
{
	uint64_t data = arena_page(&world, PAGE_DATA);
	uint64_t root = table_address(4);

	EQUAL(transfer(write, data, 0, 0, 0), -EINVAL);
	EQUAL(transfer(write, data, HADAL_TRANSFER_MAX + 1, 0, 0), -EINVAL);
	EQUAL(transfer(write, data, 1ull << 32 | 8, 0, 0), -EINVAL);
	EQUAL(transfer(write, data, -1ull, 0, 0), -EINVAL);
	EQUAL(transfer(write, -8ull, 16, 0, 0), -EINVAL);
	EQUAL(transfer(write, -8ull, 16, HADAL_MEM_VIRTUAL, root), -EINVAL);
	EQUAL(transfer(write, data, 8, 16, 0), -EINVAL);
	EQUAL(transfer(write, data, 8, 1ull << 32, 0), -EINVAL);
	EQUAL(transfer(write, data, 8, HADAL_MEM_LA48, 0), -EINVAL);
	EQUAL(transfer(write, data, 8, HADAL_MEM_LA57, 0), -EINVAL);
	EQUAL(transfer(write, data, 8, HADAL_MEM_VIRTUAL | HADAL_MEM_MMIO, root), -EINVAL);
	EQUAL(transfer(write, data, 8, HADAL_MEM_VIRTUAL | HADAL_MEM_LA48 | HADAL_MEM_LA57, root),
	      -EINVAL);
	EQUAL(transfer_buffer(write, -8ull, 16), -EINVAL);
}

static void wrong_places(bool write)
{
	uint64_t beyond = 1ull << world.info.physical_bits;

	EQUAL(transfer(write, world.own, 8, 0, 0), -EACCES);
	EQUAL(transfer(write, world.own + 4088, 8, HADAL_MEM_MMIO, 0), -EACCES);
	EQUAL(transfer(write, LOCAL_APIC, 4, 0, 0), -ENXIO);
	EQUAL(transfer(write, world.ram_end, 1, 0, 0), -ENXIO);
	EQUAL(transfer(write, beyond, 8, 0, 0), -ENXIO);
	EQUAL(transfer(write, beyond, 8, HADAL_MEM_MMIO, 0), -ENXIO);
	EQUAL(transfer(write, 1ull << 63, 8, HADAL_MEM_MMIO, 0), -ENXIO);
	EQUAL(transfer(write, arena_page(&world, PAGE_DATA), 8, HADAL_MEM_MMIO, 0), 8);

	EQUAL(transfer_buffer(write, world.ram_end, 8), -EFAULT);
	EQUAL(transfer_buffer(write, LOCAL_APIC, 8), -EFAULT);
	EQUAL(transfer_buffer(write, beyond, 8), -EFAULT);
	EQUAL(transfer_buffer(write, beyond | arena_page(&world, PAGE_BUFFER), 8), -EFAULT);
	EQUAL(transfer_buffer(write, 1ull << 48 | arena_page(&world, PAGE_BUFFER), 8), -EFAULT);
	EQUAL(transfer_buffer(write, world.arena.kernel_virtual, 8), -EFAULT);
}

static void virtual_places(bool write)
{
	uint64_t root = table_address(4), flags = HADAL_MEM_VIRTUAL | HADAL_MEM_LA48;

	fresh_tables();
	table(1)[1] = arena_page(&world, PAGE_DATA) | ALL;
	table(1)[2] = arena_page(&world, PAGE_DATA + 2) | PRESENT | NX;
	table(1)[4] = world.own | ALL;
	table(1)[5] = arena_page(&world, PAGE_DATA + 1) | ALL;
	table(1)[6] = LOCAL_APIC | ALL;
	table(1)[7] = arena_page(&world, PAGE_DATA + 4) | ALL;
	table(1)[8] = world.own | ALL;
	EQUAL(transfer(write, 0x1000, 2 * PAGE, flags, root), 2 * PAGE);
	EQUAL(transfer(write, 0x1ff0, 100, flags, root), 100);
	EQUAL(transfer(write, 0x2ff0, 100, flags, root), 16);
	EQUAL(transfer(write, 0x3000, 100, flags, root), -EFAULT);
	EQUAL(transfer(write, ABSENT, 8, flags, root), -EFAULT);
	EQUAL(transfer(write, 0x4000, 8, flags, root), -EACCES);
	EQUAL(transfer(write, 0x5f00, 8 * PAGE, flags, root), 256);
	EQUAL(transfer(write, 0x6000, 8, flags, root), -ENXIO);
	EQUAL(transfer(write, 0x7fff, 2, flags, root), 1);
	EQUAL(transfer(write, 1ull << 47, 8, flags, root), -EFAULT);
	EQUAL(transfer(write, 0x1000, 8, flags, LOCAL_APIC), -ENXIO);
	EQUAL(transfer(write, 0x1000, 8, flags, world.ram_end), -ENXIO);
	if (world.info.physical_bits < 52)
		EQUAL(transfer(write, 0x1000, 8, flags, 1ull << world.info.physical_bits | root),
		      -EINVAL);
	EQUAL(transfer(write, 0x1000, 8, flags, world.own), -EFAULT);
	EQUAL(transfer(write, 0x1000, 8, HADAL_MEM_VIRTUAL | HADAL_MEM_LA57, table_address(5)), 8);
	EQUAL(transfer(write, world.arena.kernel_virtual + PAGE_DATA * PAGE, 8, HADAL_MEM_VIRTUAL,
		       HADAL_ROOT_CURRENT),
	      8);
	EQUAL(transfer(write, (uintptr_t)page_bytes(PAGE_DATA), 8, HADAL_MEM_VIRTUAL,
		       HADAL_ROOT_CURRENT),
	      8);
}

static void read_is_exact(void)
{
	static const size_t offsets[] = {0, 1, 7, 8, 4088, 4095};
	static const size_t lengths[] = {1, 2, 3, 8, 9, 63, 4095, 4096, 4097, 8192};

	for (size_t i = 0; i < 8 * PAGE; i++)
		page_bytes(PAGE_DATA)[i] = i * 7 + i / 251;
	for (size_t i = 0; i < 6; i++)
		for (size_t j = 0; j < 10; j++) {
			uint8_t *to = page_bytes(PAGE_BUFFER + 8) + offsets[5 - i];
			uint8_t *from = page_bytes(PAGE_DATA) + offsets[i];
			uint64_t source = arena_page(&world, PAGE_DATA) + offsets[i];
			uint64_t buffer = arena_page(&world, PAGE_BUFFER + 8) + offsets[5 - i];

			memset(page_bytes(PAGE_BUFFER + 7), 0xa5, 8 * PAGE);
			EQUAL(ring0_call(HADAL_CALL_READ, source, lengths[j], buffer, 0, 0),
			      lengths[j]);
			CHECK(!memcmp(to, from, lengths[j]));
			CHECK(to[-1] == 0xa5 && to[lengths[j]] == 0xa5);
			memset(to, 0x3c, lengths[j]);
			EQUAL(ring0_call(HADAL_CALL_WRITE, source, lengths[j], buffer, 0, 0),
			      lengths[j]);
			for (size_t k = 0; k < lengths[j]; k++)
				CHECK(from[k] == 0x3c);
			CHECK(from[lengths[j]] ==
			      (uint8_t)((from + lengths[j] - page_bytes(PAGE_DATA)) * 7 +
					(from + lengths[j] - page_bytes(PAGE_DATA)) / 251));
			for (size_t k = 0; k < 8 * PAGE; k++)
				page_bytes(PAGE_DATA)[k] = k * 7 + k / 251;
		}
	EQUAL(ring0_call(HADAL_CALL_READ, arena_page(&world, 0), HADAL_TRANSFER_MAX,
			 arena_page(&world, 64), 0, 0),
	      HADAL_TRANSFER_MAX);
	CHECK(!memcmp(page_bytes(0), page_bytes(64), HADAL_TRANSFER_MAX));
}

/* What differs by direction: who may be written. */
static void directions(void)
{
	uint64_t buffer = arena_page(&world, PAGE_READ_ONLY) - 16;
	volatile uint64_t *data = (void *)page_bytes(PAGE_DATA);

	EQUAL(transfer(false, world.own - 100, 200, 0, 0), 100);
	EQUAL(transfer(false, world.ram_end - 100, 200, 0, 0), 100);
	EQUAL(transfer(false, IO_APIC, 4, HADAL_MEM_MMIO, 0), 4);
	EQUAL(transfer_buffer(false, world.own, 8), -EFAULT);
	*data = 1;
	EQUAL(transfer_buffer(true, world.own, 8), 8);
	EQUAL(*data, 0);

	EQUAL(ring0_call(HADAL_CALL_MAP, arena_page(&world, PAGE_READ_ONLY),
			 arena_page(&world, PAGE_DATA + 6), 0, 0, 0),
	      0);
	memset(page_bytes(PAGE_DATA + 6), 0x66, PAGE);
	EQUAL(transfer_buffer(false, buffer, 100), 16);
	EQUAL(transfer_buffer(false, buffer + 16, 8), -EFAULT);
	EQUAL(transfer_buffer(true, buffer, 24), 24);
	EQUAL(data[2], 0x6666666666666666);
	/* The address of READ and WRITE is what the machine has there, not what the page shows. */
	EQUAL(ring0_call(HADAL_CALL_WRITE, arena_page(&world, PAGE_READ_ONLY), 8,
			 arena_page(&world, PAGE_DATA), 0, 0),
	      8);
	EQUAL(*page_bytes(PAGE_READ_ONLY), 0x66);
	EQUAL(ring0_call(HADAL_CALL_UNMAP, arena_page(&world, PAGE_READ_ONLY), 0, 0, 0, 0), 0);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	pin_to_cpu(0);
	world_open(&world, false);
	translate_own_space();
	translate_errors();
	translate_pages();
	translate_loop();
	for (int write = 0; write < 2; write++) {
		wrong_arguments(write);
		wrong_places(write);
		virtual_places(write);
	}
	read_is_exact();
	directions();
	return 0;
}
