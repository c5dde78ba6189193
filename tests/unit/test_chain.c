// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Walks of hash tables that change, loop and break off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/address_map.h"
#include "walk/chain.h"
#include "kernel/kernel.h"
#include "machine.h"
#include "unit.h"

#define BUCKETS 600 /* more than one piece of the table */
#define CHAIN   5   /* nodes in each chain */
#define TABLE   (MACHINE_DIRECT_MAP + 0xe00000)
#define NODES   (MACHINE_DIRECT_MAP + 0xe80000)
#define NOTHING 0xffff888012340000ull /* not mapped */

struct bucket {
	uint64_t lock;
	uint64_t head;
};

struct node {
	uint64_t next;
	uint64_t number;
	uint64_t padding[2];
};

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	struct hadal_hash_table table;
	unsigned int seen[BUCKETS * CHAIN];
	size_t lost;
	uint64_t reject;  /* node that is no object */
	uint64_t stop_at; /* node that ends the walk */
};

static uint64_t node_at(unsigned int bucket, unsigned int place)
{
	return NODES + (bucket * CHAIN + place) * sizeof(struct node);
}

static struct node *node(struct fixture *fixture, unsigned int bucket, unsigned int place)
{
	return machine_at(fixture->machine, node_at(bucket, place));
}

static struct bucket *bucket(struct fixture *fixture, unsigned int number)
{
	return (struct bucket *)machine_at(fixture->machine, TABLE) + number;
}

static struct fixture make(void)
{
	struct fixture fixture = {
		.machine = machine_new(&(struct machine_options){0}),
		.table = {TABLE, BUCKETS, sizeof(struct bucket), offsetof(struct bucket, head),
			  false},
	};

	for (unsigned int i = 0; i < BUCKETS; i++) {
		bucket(&fixture, i)->head = node_at(i, 0);
		for (unsigned int j = 0; j < CHAIN; j++)
			*node(&fixture, i, j) = (struct node){
				/* Each chain has an end of its own kind. */
				.next = j + 1 < CHAIN ? node_at(i, j + 1)
					: i % 2       ? 2 * i + 1
						      : 0,
				.number = i * CHAIN + j,
			};
	}
	fixture.kernel = machine_open(fixture.machine);
	return fixture;
}

static int visit(void *ctx, uint64_t at)
{
	struct fixture *fixture = ctx;
	uint64_t number;

	if (hadal_space_read_u64(hadal_kernel_space(fixture->kernel),
				 at + offsetof(struct node, number), &number) ||
	    at == fixture->reject)
		return -EINVAL;
	if (number >= BUCKETS * CHAIN)
		return -EINVAL;
	fixture->seen[number]++;
	return at == fixture->stop_at;
}

static int walk(struct fixture *fixture)
{
	memset(fixture->seen, 0, sizeof(fixture->seen));
	fixture->lost = 0;
	hadal_space_flush(hadal_kernel_space(fixture->kernel));
	return hadal_hash_table_walk(hadal_kernel_space(fixture->kernel), &fixture->table, visit,
				     fixture, &fixture->lost);
}

/* All nodes are seen, those of one chain only up to one before place. */
static void expect_all_but(const struct fixture *fixture, unsigned int chain, unsigned int place)
{
	for (unsigned int i = 0; i < BUCKETS * CHAIN; i++)
		assert_int_equal(!!fixture->seen[i], i / CHAIN != chain || i % CHAIN < place);
}

static void all_chains_are_walked(void **state)
{
	struct fixture fixture = make();

	(void)state;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 0);
	for (unsigned int i = 0; i < BUCKETS * CHAIN; i++)
		assert_int_equal(fixture.seen[i], 1);
	/* Empty buckets, of both kinds. */
	bucket(&fixture, 7)->head = 0;
	bucket(&fixture, 256)->head = 2 * 256 + 1;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 0);
	assert_int_equal(fixture.seen[7 * CHAIN], 0);
	assert_int_equal(fixture.seen[256 * CHAIN], 0);
	assert_int_equal(fixture.seen[599 * CHAIN], 1);
	fixture.stop_at = node_at(300, 2);
	assert_int_equal(walk(&fixture), 1);
	assert_int_equal(fixture.seen[300 * CHAIN + 2], 1);
	assert_int_equal(fixture.seen[300 * CHAIN + 3], 0);
	machine_free(fixture.machine);
}

static void a_lock_in_a_head_is_no_end(void **state)
{
	struct fixture fixture = make();

	(void)state;
	bucket(&fixture, 9)->head |= 1;
	assert_int_equal(walk(&fixture), 0);
	expect_all_but(&fixture, 9, 0);
	fixture.table.bit_locks_chain = true;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 0);
	expect_all_but(&fixture, 9, CHAIN);
	machine_free(fixture.machine);
}

static void a_broken_chain_costs_its_rest(void **state)
{
	struct fixture fixture = make();
	const uint64_t bad[] = {
		0xdead000000000100ull,
		node_at(20, 3) + 2, /* not aligned */
		0x7fff00000000ull,  /* a user's */
		NOTHING,
		MACHINE_DIRECT_MAP + 0xf80008, /* no node: its number is one of no node */
	};

	(void)state;
	memset(machine_at(fixture.machine, MACHINE_DIRECT_MAP + 0xf80000), 0xff, 64);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		node(&fixture, 20, 2)->next = bad[i];
		assert_int_equal(walk(&fixture), 0);
		assert_int_equal(fixture.lost, 1);
		expect_all_but(&fixture, 20, 3);
	}
	node(&fixture, 20, 2)->next = node_at(20, 3);
	fixture.reject = node_at(20, 1);
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	expect_all_but(&fixture, 20, 1);
	machine_free(fixture.machine);
}

static void circles_end(void **state)
{
	struct fixture fixture = make();

	(void)state;
	for (unsigned int from = 0; from < CHAIN; from++)
		for (unsigned int to = 0; to <= from; to++) {
			node(&fixture, 20, from)->next = node_at(20, to);
			assert_int_equal(walk(&fixture), 0);
			assert_int_equal(fixture.lost, 1);
			expect_all_but(&fixture, 20, from + 1);
			assert_in_range(fixture.seen[20 * CHAIN + to], 1, 4 * CHAIN);
			node(&fixture, 20, from)->next =
				from + 1 < CHAIN ? node_at(20, from + 1) : 0;
		}
	machine_free(fixture.machine);
}

static void damaged_tables_end(void **state)
{
	struct fixture fixture = make();
	const struct hadal_hash_table good = fixture.table;

	(void)state;
	fixture.table.count = UINT64_MAX;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	fixture.table = good;
	fixture.table.buckets = 0;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	fixture.table.buckets = NOTHING;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 3); /* pieces */
	fixture.table.count = HADAL_BUCKETS_MAX;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1000);
	fixture.table = good;
	fixture.table.bucket_size = 0;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	machine_free(fixture.machine);
}

/* A pointer that is wrong when it is read first, with all of its page. */
struct torn {
	struct machine *machine;
	ssize_t (*read)(void *ctx, uint64_t pa, void *buf, size_t len);
	uint64_t at; /* physical address of the pointer */
	bool settled;
};

static ssize_t torn_read(void *ctx, uint64_t pa, void *buf, size_t len)
{
	struct torn *torn = ctx;
	ssize_t got = torn->read(torn->machine, pa, buf, len);
	uint64_t bad = NOTHING;

	if (got > 0 && !torn->settled && pa <= torn->at && torn->at + sizeof(bad) <= pa + got) {
		memcpy((char *)buf + (torn->at - pa), &bad, sizeof(bad));
		torn->settled = true;
	}
	return got;
}

static void torn_pointers_are_read_again(void **state)
{
	const uint64_t pointers[] = {TABLE + 40 * sizeof(struct bucket) + 8, node_at(30, 2)};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fixture fixture = make();
		struct torn torn = {
			.machine = fixture.machine,
			.read = fixture.machine->memory.read,
			.at = pointers[i] - MACHINE_DIRECT_MAP,
		};

		fixture.machine->memory.read = torn_read;
		fixture.machine->memory.ctx = &torn;
		assert_int_equal(walk(&fixture), 0);
		assert_true(torn.settled);
		assert_int_equal(fixture.lost, 0);
		expect_all_but(&fixture, 0, CHAIN);
		fixture.machine->memory.ctx = fixture.machine;
		machine_free(fixture.machine);
	}
}

static void addresses_are_remembered(void **state)
{
	struct hadal_address_map map = {0};

	(void)state;
	assert_null(hadal_address_map_find(&map, 8));
	for (size_t i = 1; i <= 5000; i++)
		assert_int_equal(hadal_address_map_add(&map, i << 12, i), 1);
	for (size_t i = 1; i <= 5000; i++) {
		assert_int_equal(hadal_address_map_add(&map, i << 12, 0), 0);
		assert_int_equal(*hadal_address_map_find(&map, i << 12), i);
		assert_null(hadal_address_map_find(&map, (i << 12) + 8));
	}
	hadal_address_map_free(&map);
	assert_null(hadal_address_map_find(&map, 1 << 12));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_chains_are_walked),
		cmocka_unit_test(a_lock_in_a_head_is_no_end),
		cmocka_unit_test(a_broken_chain_costs_its_rest),
		cmocka_unit_test(circles_end),
		cmocka_unit_test(damaged_tables_end),
		cmocka_unit_test(torn_pointers_are_read_again),
		cmocka_unit_test(addresses_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
