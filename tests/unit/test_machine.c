// SPDX-License-Identifier: MIT
// Sources: vmm/paging/machine.c vmm/paging/way_out.c vmm/paging/ram.c vmm/paging/pagetable.c vmm/paging/pt_pool.c vmm/paging/nested.c vmm/paging/mtrr.c
/* What the loader tells of a machine as large as Hadal takes them. */
#include <string.h>
#include <sys/mman.h>
#include "unit.h"
#include "base/layout.h"
#include "base/log.h"
#include "paging/memory.h"
#include "x86/cpu.h"

#define GIB          (1ull << 30)
#define RANGES       HADAL_MAX_RAM_RANGES
#define RANGE_BYTES  (GIB / 4) /* of which three quarters are RAM */
#define CHUNK_BYTES  (4ull << 20)
#define IMAGE        (GIB)
#define CHUNKS_AT(n) (IMAGE + (16ull << 20) + (n)*RANGE_BYTES)
#define NODES        4
#define SHARED       24 /* chunks of no node */
#define OF_NODE      18

struct machine machine;
char image_start[3 * 4096] __attribute__((aligned(4096)));
__asm__(".globl image_text_end, image_rodata_end, image_end\n"
	".set image_text_end, image_start + 4096\n"
	".set image_rodata_end, image_start + 8192\n"
	".set image_end, image_start + 12288");
static struct hadal_boot boot;
static char last_line[200];

struct hadal_log_ring log_ring;

uint64_t memory_image_physical(const void *address)
{
	(void)address;
	return 0;
}

void log_line(const char *format, ...)
{
	strncpy(last_line, format, sizeof(last_line) - 1);
}

void mtrr_read(struct mtrr_state *state, uint8_t bits)
{
	memset(state, 0, sizeof(*state));
	(void)bits;
}

bool memory_has_1g(void)
{
	return true;
}

bool memory_is_ram(uint64_t hpa)
{
	return ram_has(machine.ram, hpa);
}

bool memory_is_own(uint64_t hpa)
{
	return ram_has(machine.own, hpa);
}

uint64_t memory_hidden_page(void)
{
	return IMAGE;
}

static void add_chunk(uint64_t physical, uint32_t node)
{
	void *at = memory_direct(physical);

	boot.pool[boot.pool_count++] =
		(struct hadal_chunk){.physical = physical, .bytes = CHUNK_BYTES, .node = node};
	assert_ptr_equal(mmap(at, CHUNK_BYTES, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0),
			 at);
}

static int fill(void **state)
{
	(void)state;
	memset(&machine, 0, sizeof(machine));
	memset(&boot, 0, sizeof(boot));
	boot.abi_version = HADAL_ABI_VERSION;
	boot.cpu_count = HADAL_MAX_CPUS;
	boot.image_physical = IMAGE;
	boot.trampoline = 0xffffc90000000000;
	for (uint32_t i = 0; i < RANGES; i++)
		boot.ram[boot.ram_count++] = (struct hadal_range){
			i * RANGE_BYTES, i * RANGE_BYTES + RANGE_BYTES / 4 * 3};
	for (uint32_t i = 0; i < SHARED; i++)
		add_chunk(CHUNKS_AT(0) + i * CHUNK_BYTES, HADAL_NO_NODE);
	for (uint32_t node = 0; node < NODES; node++)
		for (uint32_t i = 0; i < OF_NODE; i++)
			add_chunk(CHUNKS_AT(node + 1) + 2 * i * CHUNK_BYTES, node);
	for (uint32_t cpu = 0; cpu < boot.cpu_count; cpu++)
		boot.cpu_node[cpu] = cpu % (NODES + 1) < NODES ? cpu % (NODES + 1) : NODES + 7;
	return 0;
}

/* Every CPU has its memory, and that of a node lies there. */
static void cpus_have_memory_of_their_node(void **state)
{
	(void)state;
	assert_int_equal(memory_init(&boot, CR4_PAE), 0);
	assert_int_equal(machine.cpu_count, 4096);
	assert_int_equal(machine.ram->count, 1024);
	for (uint32_t cpu = 0; cpu < boot.cpu_count; cpu++) {
		uint64_t area = LAYOUT_PERCPU_BASE + ((uint64_t)cpu << PERCPU_SHIFT);
		uint16_t node = boot.cpu_node[cpu];
		uint64_t entry;
		unsigned level;

		pt_lookup(&machine.host, area + PERCPU_VCPU, &entry, &level);
		assert_true(pt_in_use(&pt_format_host, entry));
		assert_true(memory_is_own(pt_leaf_address(entry, level)));
		if (node < NODES)
			assert_int_equal(pt_leaf_address(entry, level) / RANGE_BYTES,
					 IMAGE / RANGE_BYTES + node + 1);
		pt_lookup(&machine.host, area, &entry, &level);
		assert_false(pt_in_use(&pt_format_host, entry)); /* a guard page */
	}
}

/* Chunks that touch are one range, and the guest sees none of them. */
static void own_memory_is_hidden(void **state)
{
	struct nested_page page;

	(void)state;
	assert_int_equal(memory_init(&boot, CR4_PAE), 0);
	assert_int_equal(machine.own->count, 1 + 1 + NODES * OF_NODE);
	assert_int_equal(memory_init_nested(false, 4, true), 0);
	for (uint32_t i = 0; i < boot.pool_count; i++) {
		uint64_t start = boot.pool[i].physical;

		assert_true(nested_lookup(&machine.nested, start + CHUNK_BYTES - 1, &page));
		assert_int_equal(page.hpa, IMAGE + 4095);
		assert_int_equal(page.rights, PT_READ);
		assert_true(memory_is_own(start) && memory_is_own(start + CHUNK_BYTES - 1));
	}
	assert_false(memory_is_own(CHUNKS_AT(1) + CHUNK_BYTES));
	assert_true(nested_lookup(&machine.nested, CHUNKS_AT(1) + CHUNK_BYTES, &page));
	assert_int_equal(page.hpa, CHUNKS_AT(1) + CHUNK_BYTES);
	assert_true(memory_is_ram((RANGES - 1) * RANGE_BYTES));
	assert_false(memory_is_ram(RANGES * RANGE_BYTES - 1));
}

static void what_the_loader_says_is_checked(void **state)
{
	(void)state;
	boot.cpu_count = HADAL_MAX_CPUS + 1;
	assert_int_equal(memory_init(&boot, CR4_PAE), -EINVAL);
	fill(NULL);
	boot.ram[5].start = boot.ram[4].end - 4096;
	assert_int_equal(memory_init(&boot, CR4_PAE), -EINVAL);
	fill(NULL);
	boot.ram_count++;
	assert_int_equal(memory_init(&boot, CR4_PAE), -EINVAL);
	fill(NULL);
	boot.pool[0].node = 0;
	assert_int_equal(memory_init(&boot, CR4_PAE), -EINVAL);
	fill(NULL);
	boot.pool[0].bytes = HADAL_MAX_CPUS * HADAL_CROSSING_BYTES - 4096;
	assert_int_equal(memory_init(&boot, CR4_PAE), -EINVAL);
	fill(NULL);
	boot.pool_count = SHARED + 1;
	assert_int_equal(memory_init(&boot, CR4_PAE), -ENOMEM);
}

/* With 4 levels the image reaches 111 TiB, with 5 all that processors have. */
static void ram_may_lie_high(void **state)
{
	struct hadal_range *last = &boot.ram[RANGES - 1];

	(void)state;
	last->start = 100ull << 40;
	last->end = last->start + GIB;
	machine.physical_bits = cpuid(0x80000008, 0).eax & 0xff;
	if (machine.physical_bits >= 47) {
		assert_int_equal(memory_init(&boot, CR4_PAE), 0);
		fill(NULL);
		last->start = 112ull << 40;
		last->end = last->start + GIB;
		assert_int_equal(memory_init(&boot, CR4_PAE | CR4_LA57), 0);
		fill(NULL);
	}
	last->start = 112ull << 40;
	last->end = last->start + GIB;
	assert_int_equal(memory_init(&boot, CR4_PAE), -ERANGE);
	assert_non_null(strstr(last_line, "RAM at"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cpus_have_memory_of_their_node, fill),
		cmocka_unit_test_setup(own_memory_is_hidden, fill),
		cmocka_unit_test_setup(what_the_loader_says_is_checked, fill),
		cmocka_unit_test_setup(ram_may_lie_high, fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
