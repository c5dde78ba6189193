// SPDX-License-Identifier: MIT
// Sources: vmm/hypercall/hypercall.c vmm/hypercall/ram.c vmm/hypercall/donate.c vmm/paging/ram.c
// Sources: vmm/hypercall/transfer.c vmm/hypercall/map.c
// Sources: vmm/base/page_set.c vmm/hypercall/client.c vmm/hypercall/stop.c vmm/hypercall/window.c vmm/paging/memory.c vmm/paging/machine.c vmm/paging/way_out.c
// Sources: vmm/paging/nested.c vmm/paging/pagetable.c vmm/paging/pt_pool.c vmm/paging/mtrr.c
// Sources: vmm/paging/guest_walk.c vmm/cpus/lock.c vmm/base/log.c vmm/cpus/pause.c vmm/paging/copy.c
/* Hypercalls at the bounds of memory and tables, and who may make them. */
#include "unit.h"
#include "core_fixture.h"
#include "base/page_set.h"

#define KEY    0x1234567
#define BUFFER 0x300000ull
#define DATA   0x320000ull
#define TABLE  0x340000ull
#define FLAGS  7ull

static uint64_t pool_free;

static int reset(void **unused)
{
	(void)unused;
	fixture_start();
	pool_free = machine.pool.free_pages;
	return 0;
}

/* The same, and the loader may give memory. */
static int reset_to_feed(void **unused)
{
	reset(unused);
	machine.image_physical += HIDDEN_PAGE - memory_hidden_page();
	fixture_check(!pt_init(&machine.host, &pt_format_host, &machine.pool, 4, 3));
	machine.key = KEY;
	pool_free = machine.pool.free_pages;
	return 0;
}

static int check(void **unused)
{
	(void)unused;
	assert_true(fixture_own_unchanged());
	assert_false(lock_is_held(&nested_lock));
	return 0;
}

static int64_t map(uint64_t gpa, uint64_t hpa, uint64_t flags)
{
	return fixture_call(HADAL_CALL_MAP, gpa, hpa, flags, 0, 0);
}

static int64_t unmap(uint64_t gpa)
{
	return fixture_call(HADAL_CALL_UNMAP, gpa, 0, 0, 0, 0);
}

static int64_t read_to(uint64_t address, uint64_t length, uint64_t buffer)
{
	return fixture_call(HADAL_CALL_READ, address, length, buffer, 0, 0);
}

static int64_t write_from(uint64_t address, uint64_t length, uint64_t buffer)
{
	return fixture_call(HADAL_CALL_WRITE, address, length, buffer, 0, 0);
}

static uint8_t *ram(uint64_t physical)
{
	return memory_direct(physical);
}

static void no_write_to_an_apic_that_is_watched(void **unused)
{
	(void)unused;
	assert_int_equal(
		fixture_call(HADAL_CALL_WRITE, WATCHED_APIC + 0x300, 4, BUFFER, HADAL_MEM_MMIO, 0),
		-EACCES);
	assert_int_equal(
		fixture_call(HADAL_CALL_WRITE, WATCHED_APIC + 0xffc, 8, BUFFER, HADAL_MEM_MMIO, 0),
		-EACCES);
}

static void ring_0_of_64_bit_mode_only(void **unused)
{
	(void)unused;
	for (uint64_t number = 0; number < HADAL_CALL_COUNT; number++) {
		struct gprs before;

		vcpu->regs = (struct gprs){.rax = HADAL_CALL_BASE + number, .rdi = BUFFER};
		before = vcpu->regs;
		vcpu_register[REG_CPL] = 3;
		assert_false(fixture_execute());
		vcpu_register[REG_CPL] = 0;
		code_is_64bit = false;
		assert_false(fixture_execute());
		code_is_64bit = true;
		assert_memory_equal(&before, &vcpu->regs, sizeof(before));
	}
	vcpu->regs.rax = HADAL_CALL_BASE + HADAL_CALL_COUNT;
	assert_false(fixture_execute());
	vcpu->regs.rax = HADAL_CALL_BASE - 1;
	assert_false(fixture_execute());
}

static void transfers_end_where_ram_does(void **unused)
{
	(void)unused;
	for (uint64_t over = 1; over < 20; over += 3) {
		assert_int_equal(read_to(RAM_END - 100, 100 + over, BUFFER), 100);
		assert_int_equal(read_to(LOW_RAM_END - 100, 100 + over, BUFFER), 100);
		assert_int_equal(read_to(OWN_START - 100, 100 + over, BUFFER), 100);
		assert_int_equal(write_from(RAM_END - 100, 100 + over, BUFFER), 100);
		assert_int_equal(write_from(OWN_START - 100, 100 + over, BUFFER), 100);
		assert_int_equal(read_to(DATA, 100 + over, RAM_END - 100), 100);
		assert_int_equal(read_to(DATA, 100 + over, OWN_START - 100), 100);
		assert_int_equal(write_from(DATA, 100 + over, RAM_END - 100), 100);
	}
	assert_int_equal(read_to(RAM_END, 1, BUFFER), -ENXIO);
	assert_int_equal(read_to(0, 8, BUFFER), -ENXIO);
	assert_int_equal(read_to(PAGE_BYTES, 1, BUFFER), 1);
	assert_int_equal(read_to(RAM_START - 8, 16, BUFFER), -ENXIO);
	assert_int_equal(read_to(OWN_START, 1, BUFFER), -EACCES);
	assert_int_equal(write_from(OWN_END - 1, 2, BUFFER), -EACCES);
	assert_int_equal(read_to(OWN_END, 1, BUFFER), 1);
	assert_int_equal(read_to(DATA, 1, OWN_START), -EFAULT);
	assert_int_equal(read_to(DATA, 1, RAM_END), -EFAULT);
	assert_int_equal(read_to(DATA, HADAL_TRANSFER_MAX, BUFFER - HADAL_TRANSFER_MAX),
			 HADAL_TRANSFER_MAX);
	assert_int_equal(read_to(DATA, HADAL_TRANSFER_MAX + 1, BUFFER), -EINVAL);
	assert_int_equal(read_to(-1ull, 1, BUFFER), -EINVAL);
	assert_int_equal(read_to(-1ull, 2, BUFFER), -EINVAL);
	assert_int_equal(read_to(DATA, 2, -1ull), -EINVAL);
}

static void every_split_of_a_transfer_is_exact(void **unused)
{
	(void)unused;
	for (uint64_t i = 0; i < 4 * PAGE_BYTES; i++)
		ram(DATA)[i] = i * 13 + i / 256;
	for (uint64_t at = 4090; at < 4102; at++)
		for (uint64_t to = 4090; to < 4102; to++)
			for (uint64_t length = 1; length < 16; length++) {
				memset(ram(BUFFER), 0xaa, 3 * PAGE_BYTES);
				assert_int_equal(read_to(DATA + at, length, BUFFER + to), length);
				assert_memory_equal(ram(BUFFER + to), ram(DATA + at), length);
				assert_int_equal(ram(BUFFER + to)[-1], 0xaa);
				assert_int_equal(ram(BUFFER + to)[length], 0xaa);
				memset(ram(BUFFER), 0xbb, 3 * PAGE_BYTES);
				assert_int_equal(write_from(BUFFER + at, length, DATA + to),
						 length);
				assert_memory_equal(ram(BUFFER + at), ram(DATA + to), length);
				assert_int_equal(ram(BUFFER + at)[-1], 0xbb);
				assert_int_equal(ram(BUFFER + at)[length], 0xbb);
			}
}

static void answers_fit_or_nothing_is_written(void **unused)
{
	const uint64_t size = sizeof(struct hadal_info);
	const uint64_t wrong[] = {RAM_END - size + 1,
				  LOW_RAM_END - 8,
				  OWN_START - 8,
				  OWN_END - 8,
				  -8ull,
				  -size,
				  0,
				  1ull << 63,
				  1ull << PHYSICAL_BITS};
	(void)unused;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool is_ram = memory_is_ram(wrong[i]) && !memory_is_own(wrong[i]);

		if (is_ram)
			*ram(wrong[i]) = 0x77;
		assert_int_equal(fixture_call(HADAL_CALL_INFO, wrong[i], size, 0, 0, 0), -EFAULT);
		if (is_ram)
			assert_int_equal(*ram(wrong[i]), 0x77);
	}
	assert_int_equal(fixture_call(HADAL_CALL_INFO, RAM_END - size, size, 0, 0, 0), 0);
	assert_int_equal(fixture_call(HADAL_CALL_INFO, BUFFER, size - 1, 0, 0, 0), -EINVAL);
}

static void own_memory_is_told_by_index(void **unused)
{
	(void)unused;

	assert_int_equal(fixture_call(HADAL_CALL_OWN, 0, 1, 0, 0, 0), 0);
	assert_int_equal(vcpu->regs.rdi, OWN_START);
	assert_int_equal(vcpu->regs.rsi, OWN_END);
	assert_int_equal(fixture_call(HADAL_CALL_OWN, 1, 1, 0, 0, 0), -ENOENT);
	assert_int_equal(vcpu->regs.rsi, 1);
	assert_int_equal(fixture_call(HADAL_CALL_OWN, 1ull << 32, 0, 0, 0, 0), -ENOENT);
}

static void a_mapped_page_is_used_as_what_it_shows(void **unused)
{
	(void)unused;
	*ram(BUFFER) = 1;
	*ram(DATA) = 2;
	*ram(DATA + PAGE_BYTES) = 3;
	assert_int_equal(map(BUFFER, DATA, 0), 0);
	assert_int_equal(read_to(DATA + PAGE_BYTES, 1, BUFFER), -EFAULT); /* read-only */
	assert_int_equal(write_from(DATA + PAGE_BYTES, 1, BUFFER), 1);
	assert_int_equal(*ram(DATA + PAGE_BYTES), 2);
	assert_int_equal(unmap(BUFFER), 0);
	assert_int_equal(map(BUFFER, DATA, HADAL_MAP_WRITE), 0);
	*ram(DATA + PAGE_BYTES) = 3;
	assert_int_equal(read_to(DATA + PAGE_BYTES, 1, BUFFER), 1);
	assert_int_equal(*ram(DATA), 3);
	assert_int_equal(*ram(BUFFER), 1);
	assert_int_equal(fixture_call(HADAL_CALL_STOP, 0, 0, 0, 0, 0), -EBUSY);
	assert_int_equal(unmap(BUFFER), 0);
	assert_int_equal(machine.pool.free_pages, pool_free);
}

/* The map that hid the hypervisor's memory is gone with it, and what was in the pool too. */
static void who_leaves_leaves_nothing(void **unused)
{
	uint64_t *page;
	(void)unused;

	assert_int_equal(fixture_call(HADAL_CALL_STOP, HADAL_STOP_NEVER + 1, 0, 0, 0, 0), -EINVAL);
	page = pt_pool_alloc(&machine.pool);
	for (unsigned int i = 0; i < 512; i++)
		page[i] = 0x1234567890abcdef;
	pt_pool_free(&machine.pool, page);
	fixture_call(HADAL_CALL_STOP, HADAL_STOP_ALL, 0, 0, 0, 0);
	for (page = memory_direct(POOL_START); page < (uint64_t *)memory_direct(OWN_END); page++)
		if ((uint64_t)page % PAGE_BYTES) /* the first word links free pages */
			assert_int_equal(*page, 0);
	assert_int_equal(machine.pool.free_pages, (OWN_END - POOL_START) / PAGE_BYTES);
}

/* As if the firmware had started it; the guest maps the way out at 1 GiB steps of its upper half.
 */
#define WAY       0xffff800000000000ull
#define OTHER_WAY 0xffffffffc0000000ull

static void guest_maps(uint64_t table, uint64_t at, uint64_t physical, unsigned int level)
{
	uint64_t *entries = memory_direct(table);

	entries[at >> (12 + 9 * (level - 1)) & 511] = physical | 3;
}

static void start_by_firmware(uint64_t flags)
{
	const struct hadal_first first = {.measured = HADAL_MEASURED_NO_TPM};
	uint64_t root = TABLE, way;

	memset(ram(TABLE), 0, 7 * PAGE_BYTES);
	assert_int_equal(pt_init(&machine.host, &pt_format_host, &machine.pool, 4, 2), 0);
	machine.flags |= HADAL_BOOT_FIRST | flags;
	machine.crossing_physical = DATA + PAGE_BYTES;
	assert_int_equal(way_out_init(&first), 0);
	for (int i = 0; i < 2; i++) {
		way = i ? OTHER_WAY : WAY;
		guest_maps(root, way, TABLE + (1 + i * 3) * PAGE_BYTES, 4);
		guest_maps(TABLE + (1 + i * 3) * PAGE_BYTES, way, TABLE + (2 + i * 3) * PAGE_BYTES,
			   3);
		guest_maps(TABLE + (2 + i * 3) * PAGE_BYTES, way, TABLE + (3 + i * 3) * PAGE_BYTES,
			   2);
		guest_maps(TABLE + (3 + i * 3) * PAGE_BYTES, way, DATA, 1);
		guest_maps(TABLE + (3 + i * 3) * PAGE_BYTES, way + PAGE_BYTES, DATA + PAGE_BYTES,
			   1);
	}
	vcpu_register[REG_CR3] = root;
}

static uint64_t image_maps(uint64_t address)
{
	uint64_t value;
	unsigned int level;

	pt_lookup(&machine.host, address, &value, &level);
	return pt_in_use(&pt_format_host, value) ? pt_leaf_address(value, level) : 0;
}

static int64_t stop_by(uint64_t way)
{
	left_by = 0;
	return fixture_call(HADAL_CALL_STOP, HADAL_STOP_ALL, way, 0, 0, 0);
}

static void it_leaves_by_the_way_that_the_system_maps(void **unused)
{
	const uint64_t none[] = {0,    1,     WAY + 1,     WAY + PAGE_BYTES,  WAY + (1ull << 30),
				 DATA, -1ull, -PAGE_BYTES, 0x7ffffffff000ull, 1ull << 47};
	(void)unused;

	start_by_firmware(HADAL_BOOT_STOPS);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		assert_int_equal(stop_by(none[i]), -EFAULT);
	assert_int_equal(fixture_call(HADAL_CALL_STOP, HADAL_STOP_CPU, WAY, 0, 0, 0), -EPERM);
	assert_int_equal(map(BUFFER, DATA, 0), 0);
	assert_int_equal(stop_by(WAY), -EBUSY);
	assert_int_equal(unmap(BUFFER), 0);
	stop_by(OTHER_WAY);
	assert_int_equal(left_by, OTHER_WAY);
	assert_int_equal(image_maps(OTHER_WAY), DATA);
	assert_int_equal(image_maps(OTHER_WAY + PAGE_BYTES), DATA + PAGE_BYTES);
}

/* None but the last one tried is in the image's tables, and no try costs memory. */
static void a_way_out_may_be_another_one_the_next_time(void **unused)
{
	size_t pool;
	(void)unused;

	start_by_firmware(HADAL_BOOT_STOPS);
	pool = machine.way_out.pool.free_pages;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(way_out_map(WAY), 0);
		assert_int_equal(image_maps(WAY), DATA);
		assert_int_equal(image_maps(OTHER_WAY), 0);
		assert_int_equal(machine.way_out.pool.free_pages, pool - 3);
		assert_int_equal(way_out_map(OTHER_WAY), 0);
		assert_int_equal(image_maps(WAY), 0);
		assert_int_equal(image_maps(OTHER_WAY + PAGE_BYTES), DATA + PAGE_BYTES);
	}
	assert_int_equal(way_out_map(0), -EINVAL);
	assert_int_equal(way_out_map(1ull << 47), -EINVAL);
	assert_int_equal(way_out_map(-PAGE_BYTES), -EINVAL);
	assert_int_equal(way_out_map(WAY + 8), -EINVAL);
	assert_int_equal(image_maps(OTHER_WAY), DATA);
}

static void without_the_option_nobody_leaves(void **unused)
{
	const struct hadal_first *first = (void *)ram(BUFFER);
	(void)unused;

	assert_int_equal(fixture_call(HADAL_CALL_FIRST, BUFFER, PAGE_BYTES, 0, 0, 0), -ENOENT);
	start_by_firmware(0);
	assert_int_equal(stop_by(WAY), -EPERM);
	assert_int_equal(fixture_call(HADAL_CALL_STOP, HADAL_STOP_CPU, WAY, 0, 0, 0), -EPERM);
	assert_int_equal(fixture_call(HADAL_CALL_FIRST, BUFFER, 8, 0, 0, 0), -EINVAL);
	assert_int_equal(fixture_call(HADAL_CALL_FIRST, OWN_START, PAGE_BYTES, 0, 0, 0), -EFAULT);
	assert_int_equal(fixture_call(HADAL_CALL_FIRST, BUFFER, PAGE_BYTES, 0, 0, 0), 0);
	assert_int_equal(first->measured, HADAL_MEASURED_NO_TPM);
	assert_int_equal(first->way_out, DATA);
	assert_int_equal(first->way_out_bytes, 2 * PAGE_BYTES);
}

/* From the end of RAM downwards, as the loader gives it: when a call finds the pool empty. */
static uint64_t fed;

static void feed(void)
{
	fed += SIZE_2M;
	assert_int_equal(
		fixture_call(HADAL_CALL_DONATE, RAM_END - fed, RAM_END - fed + SIZE_2M, 0, 0, KEY),
		0);
}

static void take_back(void)
{
	for (; fed; fed -= SIZE_2M)
		assert_int_equal(fixture_call(HADAL_CALL_RECLAIM, RAM_END - fed,
					      RAM_END - fed + SIZE_2M, 0, 0, KEY),
				 0);
}

static int64_t map_fed(uint64_t gpa)
{
	int64_t result;

	while ((result = map(gpa, DATA, 0)) == -ENOMEM)
		feed();
	return result;
}

static void a_full_table_refuses_and_empties_again(void **unused)
{
	uint64_t count = 0;
	(void)unused;

	while (!map_fed(BUFFER + (count + 1) * PAGE_BYTES))
		count++;
	assert_int_equal(count, PAGE_SET_MAX);
	assert_int_equal(map(BUFFER, DATA, 0), -ENOSPC);
	assert_int_equal(map_count(), PAGE_SET_MAX);
	assert_in_range(fed, SIZE_2M, 2 * SIZE_2M);
	for (; count; count--)
		assert_int_equal(unmap(BUFFER + count * PAGE_BYTES), 0);
	assert_int_equal(map_count(), 0);
	assert_int_equal(unmap(BUFFER), -ENOENT);
	take_back();
	assert_int_equal(machine.pool.free_pages, pool_free);
}

static void without_memory_nothing_is_mapped(void **unused)
{
	uint64_t taken = 0;
	(void)unused;

	while (pt_pool_alloc(&machine.pool))
		taken++;
	assert_true(taken > 0);
	assert_int_equal(map(0x800000, DATA, 0), -ENOMEM);
	assert_int_equal(map_count(), 0);
	assert_int_equal(unmap(0x800000), -ENOENT);
	assert_int_equal(nested_gpa_to_hpa(&machine.nested, 0x800000), 0x800000);
	/* In a stretch that is split already there is room. */
	assert_int_equal(map(OWN_END, DATA, 0), 0);
	assert_int_equal(unmap(OWN_END), 0);
}

static int64_t add_client(uint64_t kernel, uint64_t user, uint64_t door)
{
	return fixture_call(HADAL_CALL_CLIENT_ADD, kernel, user, door, 0, 0);
}

static int64_t remove_client(uint64_t kernel)
{
	return fixture_call(HADAL_CALL_CLIENT_REMOVE, kernel, 0, 0, 0, 0);
}

static int64_t add_page(uint64_t kernel, uint64_t gpa)
{
	return fixture_call(HADAL_CALL_CLIENT_PAGE_ADD, kernel, gpa, 0, 0, 0);
}

static int64_t remove_page(uint64_t kernel, uint64_t gpa, uint64_t flags)
{
	return fixture_call(HADAL_CALL_CLIENT_PAGE_REMOVE, kernel, gpa, flags, 0, 0);
}

static void client_arguments(void **unused)
{
	const uint64_t wrong_roots[] = {0,       TABLE + 1, TABLE | 1ull << 63,
					RAM_END, 0xa0000,   1ull << PHYSICAL_BITS};
	(void)unused;

	for (size_t i = 0; i < sizeof(wrong_roots) / sizeof(wrong_roots[0]); i++) {
		assert_int_equal(add_client(wrong_roots[i], TABLE, 0x1000), -EINVAL);
		assert_int_equal(add_client(TABLE, wrong_roots[i], 0x1000), -EINVAL);
		assert_int_equal(remove_client(wrong_roots[i]), -ENOENT);
	}
	assert_int_equal(add_client(TABLE, TABLE, 0x1001), -EINVAL);
	assert_int_equal(add_client(TABLE, TABLE, 1ull << 47), -EINVAL);
	for (uint64_t i = 0; i < HADAL_MAX_CLIENTS; i++)
		assert_int_equal(add_client(TABLE + i * PAGE_BYTES, TABLE, 0x1000), 0);
	assert_int_equal(add_client(TABLE + PAGE_BYTES, TABLE, 0x1000), -EEXIST);
	assert_int_equal(add_client(BUFFER, TABLE, 0x1000), -ENOSPC);
	for (uint64_t i = 0; i < HADAL_MAX_CLIENTS; i++)
		assert_int_equal(remove_client(TABLE + i * PAGE_BYTES), 0);
	assert_int_equal(remove_client(TABLE), -ENOENT);
}

static void client_pages(void **unused)
{
	const struct hadal_client *state = (void *)ram(BUFFER);
	const uint64_t other = TABLE + PAGE_BYTES;
	(void)unused;

	assert_int_equal(add_page(TABLE, DATA), -ENOENT);
	assert_int_equal(add_client(TABLE, TABLE, 0x1000), 0);
	assert_int_equal(add_client(other, TABLE, 0x1000), 0);
	assert_int_equal(add_page(TABLE, DATA + 1), -EINVAL);
	assert_int_equal(add_page(TABLE, OWN_START), -EACCES);
	assert_int_equal(add_page(TABLE, RAM_END), -ENXIO);
	assert_int_equal(add_page(TABLE, DATA), 0);
	assert_int_equal(add_page(TABLE, DATA), -EEXIST);
	assert_int_equal(add_page(other, DATA), -EEXIST);
	assert_int_equal(map(DATA, BUFFER, 0), -EEXIST);
	assert_int_equal(unmap(DATA), -ENOENT);
	assert_int_equal(remove_page(other, DATA, 0), -ENOENT);
	assert_int_equal(remove_page(TABLE, DATA, 2), -EINVAL);
	assert_int_equal(remove_page(TABLE, DATA + 8, 0), -EINVAL);
	assert_int_equal(remove_page(TABLE, DATA, HADAL_PAGE_IDLE), -EBUSY);
	assert_int_equal(fixture_call(HADAL_CALL_CLIENT_STATE, TABLE, BUFFER, 8, 0, 0), -EINVAL);
	assert_int_equal(fixture_call(HADAL_CALL_CLIENT_STATE, TABLE, OWN_START, 64, 0, 0),
			 -EFAULT);
	assert_int_equal(fixture_call(HADAL_CALL_CLIENT_STATE, DATA, BUFFER, 64, 0, 0), -ENOENT);
	assert_int_equal(fixture_call(HADAL_CALL_CLIENT_STATE, TABLE, BUFFER, 64, 0, 0), 0);
	assert_int_equal(state->pages, 1);
	assert_int_equal(state->mapped, 0);
	assert_int_equal(remove_page(TABLE, DATA, 0), 0);
	assert_int_equal(remove_page(TABLE, DATA, 0), -ENOENT);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(add_page(i % 2 ? TABLE : other, DATA + i * PAGE_BYTES), 0);
	assert_int_equal(remove_client(TABLE), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(remove_page(other, DATA + i * PAGE_BYTES, 0), i % 2 ? -ENOENT : 0);
	assert_int_equal(remove_client(other), 0);
	assert_int_equal(machine.pool.free_pages, pool_free);
}

static struct client *client_of(uint64_t root)
{
	struct client *client;

	vcpu_register[REG_CR3] = root;
	vcpu_register[REG_CPL] = 3;
	client = client_current(vcpu);
	assert_non_null(client);
	vcpu_register[REG_CPL] = 0;
	return client;
}

/* A client's page shows zeros in place of the image's memory, and what it shows else is as before.
 */
static void a_client_sees_zeros_for_own_memory(void **unused)
{
	struct nested_page page;
	struct client *client;
	(void)unused;

	machine.image_physical += HIDDEN_PAGE - memory_hidden_page();
	assert_int_equal(add_client(TABLE, TABLE, 0x1000), 0);
	assert_int_equal(add_page(TABLE, DATA), 0);
	client = client_of(TABLE);
	assert_int_equal(map_client_page(vcpu, client, DATA, OWN_START), 0);
	assert_true(nested_lookup(&machine.nested, DATA, &page));
	assert_int_equal(page.hpa, HIDDEN_PAGE);
	assert_int_equal(page.rights, PT_READ);
	assert_int_equal(client->state.mapped, 1);
	assert_int_equal(map_client_page(vcpu, client, DATA, OWN_START + 8), -EINVAL);
	assert_int_equal(map_client_page(vcpu, client, DATA, RAM_END), -ENXIO);
	assert_int_equal(map_client_page(vcpu, client, DATA, BUFFER), 0);
	assert_true(nested_lookup(&machine.nested, DATA, &page));
	assert_int_equal(page.hpa, BUFFER);
	assert_int_equal(page.rights, PT_READ | PT_WRITE);
	assert_int_equal(map_client_page(vcpu, client, DATA, DATA), 0);
	assert_int_equal(client->state.mapped, 0);
	assert_int_equal(remove_client(TABLE), 0);
}

static int64_t set_regs(uint64_t index, uint64_t buffer, uint64_t size)
{
	return fixture_call(HADAL_CALL_SET_REGS, index, buffer, size, 0, 0);
}

static void pauses_and_registers(void **unused)
{
	struct hadal_set_regs *set = (void *)ram(BUFFER);
	(void)unused;

	memset(set, 0, sizeof(*set));
	assert_int_equal(fixture_call(HADAL_CALL_PAUSE, 0, 1, 0, 0, 0), -EDEADLK);
	assert_int_equal(fixture_call(HADAL_CALL_PAUSE, 1, 1, 0, 0, 0), -ENXIO);
	assert_int_equal(fixture_call(HADAL_CALL_PAUSE, -1ull, 1, 0, 0, 0), -ENXIO);
	assert_int_equal(fixture_call(HADAL_CALL_RESUME, 0, 0, 0, 0, 0), -ENOENT);
	assert_int_equal(fixture_call(HADAL_CALL_RESUME, 1ull << 32, 0, 0, 0, 0), -ENXIO);
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set)), -EBUSY);
	assert_int_equal(set_regs(1, BUFFER, sizeof(*set)), -ENXIO);
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set) - 1), -EINVAL);
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set) + 1), -EINVAL);
	assert_int_equal(set_regs(0, RAM_END - 8, sizeof(*set)), -EFAULT);
	assert_int_equal(set_regs(0, -8ull, sizeof(*set)), -EFAULT);
	vcpu->paused = true;
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set)), 0);
	set->mask = 1ull << HADAL_REG_COUNT;
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set)), -EINVAL);
	set->mask = 1ull << HADAL_REG_CR4;
	assert_int_equal(set_regs(0, BUFFER, sizeof(*set)), -ERANGE);
	assert_int_equal(vcpu->regs.rdi, HADAL_REG_CR4);
	/* Across two pages, to the last byte. */
	set = (void *)ram(BUFFER + PAGE_BYTES - 8);
	*set = (struct hadal_set_regs){.mask = 1, .values.rax = 0};
	assert_int_equal(set_regs(0, BUFFER + PAGE_BYTES - 8, sizeof(*set)), 0);
}

static void add_fed(uint64_t gpa)
{
	int64_t result;

	while ((result = add_page(TABLE, gpa)) == -ENOMEM)
		feed();
	assert_int_equal(result, 0);
}

/* The pages that one call may take out. */
#define PIECE 768

/* Every flush waits for all CPUs while the guest's interrupts wait: it must not take one a page;
 * nor may they wait for all pages. */
static void end_with(uint64_t pages, uint64_t flushes)
{
	const uint64_t regions = pages * PAGE_BYTES / SIZE_2M + 1;
	uint64_t before = vcpu->stats.flushes, calls = 1;
	struct client *client;

	assert_int_equal(add_client(TABLE, TABLE, 0x1000), 0);
	for (uint64_t i = 1; i <= pages; i++)
		add_fed(BUFFER + i * PAGE_BYTES);
	assert_in_range(vcpu->stats.flushes - before, pages / 1024, regions + fed / SIZE_2M * 2);
	if (pages == PAGE_SET_MAX)
		assert_int_equal(add_page(TABLE, BUFFER), -ENOSPC);

	client = client_of(TABLE);
	for (uint64_t i = 1; i <= pages; i++)
		assert_int_equal(map_client_page(vcpu, client, BUFFER + i * PAGE_BYTES, RAM_START),
				 0);
	assert_int_equal(map_count(), pages);
	before = vcpu->stats.flushes;
	for (uint64_t has = pages; remove_client(TABLE) == 1; calls++) {
		vcpu_register[REG_CPL] = 3;
		assert_null(client_current(vcpu));
		vcpu_register[REG_CPL] = 0;
		assert_in_range(has - client->state.pages, 0, PIECE);
		has = client->state.pages;
	}
	assert_in_range(calls, pages / PIECE, pages / (PIECE / 4) + 1);
	assert_in_range(vcpu->stats.flushes - before, 1, flushes);
	for (uint64_t i = 1; i <= pages; i++)
		assert_int_equal(nested_gpa_to_hpa(&machine.nested, BUFFER + i * PAGE_BYTES),
				 BUFFER + i * PAGE_BYTES);
	assert_int_equal(map_count(), 0);
	assert_int_equal(remove_client(TABLE), -ENOENT);
	take_back();
	assert_int_equal(machine.pool.free_pages, pool_free);
}

static void a_client_of_many_pages_costs_few_flushes(void **unused)
{
	(void)unused;
	end_with(100, 1);
	end_with(4096, 1);
	/* Tables that were made for the pages fill the list of those that wait for a flush. */
	end_with(PAGE_SET_MAX, 6);
}

/* A page that is added to a client that ends is taken out too. */
static void what_is_added_at_an_end_goes(void **unused)
{
	const uint64_t pages = 2000;
	(void)unused;

	assert_int_equal(add_client(TABLE, TABLE, 0x1000), 0);
	for (uint64_t i = 1; i <= pages; i++)
		add_fed(BUFFER + i * PAGE_BYTES);
	assert_int_equal(remove_client(TABLE), 1);
	for (uint64_t i = 1; i <= pages; i++) {
		int64_t result = add_page(TABLE, BUFFER + i * PAGE_BYTES);

		assert_true(result == -EEXIST || result == 0);
	}
	while (remove_client(TABLE) == 1)
		;
	for (uint64_t i = 1; i <= pages; i++)
		assert_int_equal(map(BUFFER + i * PAGE_BYTES, DATA, 0), 0);
	for (uint64_t i = 1; i <= pages; i++)
		assert_int_equal(unmap(BUFFER + i * PAGE_BYTES), 0);
	take_back();
	assert_int_equal(machine.pool.free_pages, pool_free);
}

/* A table that is its own child at every level, through which the table itself is written. */
static void a_looping_table_may_change_under_the_walk(void **unused)
{
	uint64_t *table = (uint64_t *)ram(TABLE);
	(void)unused;

	for (unsigned int i = 0; i < 512; i++)
		table[i] = TABLE | FLAGS;
	for (uint64_t i = 0; i < HADAL_TRANSFER_MAX; i++)
		ram(BUFFER)[i] = i * 31;
	assert_in_range(fixture_call(HADAL_CALL_WRITE, 8, HADAL_TRANSFER_MAX, BUFFER,
				     HADAL_MEM_VIRTUAL, TABLE),
			1, HADAL_TRANSFER_MAX);
	assert_int_equal(fixture_call(HADAL_CALL_WRITE, 0, 8, BUFFER, HADAL_MEM_VIRTUAL,
				      1ull << PHYSICAL_BITS | TABLE),
			 -EINVAL);
}

/* Fetches see what was written, but for the breakpoints. */
static void writes_reach_copies(void **state)
{
	static const uint8_t bytes[4] = {0x11, 0x22, 0x33, 0x44};
	uint64_t page = DATA;
	const struct page_copy *copy;

	(void)state;
	assert_int_equal(copy_take(&machine.copies, &machine.pool, page, page, memory_direct(page)),
			 0);
	copy = copy_find(&machine.copies, page);
	copy_set_int3(copy_find(&machine.copies, page), 9, true);
	memcpy(memory_direct(BUFFER), bytes, sizeof(bytes));
	assert_int_equal(fixture_call(HADAL_CALL_WRITE, page + 8, sizeof(bytes), BUFFER, 0, 0),
			 sizeof(bytes));
	assert_int_equal(((const uint8_t *)copy->bytes)[8], 0x11);
	assert_int_equal(((const uint8_t *)copy->bytes)[9], COPY_INT3);
	assert_int_equal(((const uint8_t *)copy->bytes)[11], 0x44);
	copy_free(&machine.pool, copy_give(&machine.copies, page));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ring_0_of_64_bit_mode_only, reset, check),
		cmocka_unit_test_setup_teardown(no_write_to_an_apic_that_is_watched, reset, check),
		cmocka_unit_test_setup_teardown(own_memory_is_told_by_index, reset, check),
		cmocka_unit_test_setup_teardown(transfers_end_where_ram_does, reset, check),
		cmocka_unit_test_setup_teardown(every_split_of_a_transfer_is_exact, reset, check),
		cmocka_unit_test_setup_teardown(answers_fit_or_nothing_is_written, reset, check),
		cmocka_unit_test_setup_teardown(a_mapped_page_is_used_as_what_it_shows, reset,
						check),
		cmocka_unit_test_setup(who_leaves_leaves_nothing, reset),
		cmocka_unit_test_setup(it_leaves_by_the_way_that_the_system_maps, reset),
		cmocka_unit_test_setup(a_way_out_may_be_another_one_the_next_time, reset),
		cmocka_unit_test_setup(without_the_option_nobody_leaves, reset),
		cmocka_unit_test_setup_teardown(a_full_table_refuses_and_empties_again,
						reset_to_feed, check),
		cmocka_unit_test_setup_teardown(without_memory_nothing_is_mapped, reset, check),
		cmocka_unit_test_setup_teardown(client_arguments, reset, check),
		cmocka_unit_test_setup_teardown(client_pages, reset, check),
		cmocka_unit_test_setup_teardown(a_client_sees_zeros_for_own_memory, reset, check),
		cmocka_unit_test_setup_teardown(pauses_and_registers, reset, check),
		cmocka_unit_test_setup_teardown(a_client_of_many_pages_costs_few_flushes,
						reset_to_feed, check),
		cmocka_unit_test_setup_teardown(what_is_added_at_an_end_goes, reset_to_feed, check),
		cmocka_unit_test_setup_teardown(writes_reach_copies, reset, check),
		cmocka_unit_test_setup_teardown(a_looping_table_may_change_under_the_walk, reset,
						check),
	};

	fixture_open();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
