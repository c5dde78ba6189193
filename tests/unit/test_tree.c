// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* Walks of trees that are sound, loop and break off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "walk/tree.h"
#include "machine.h"
#include "unit.h"

#define NODES   127 /* numbered from 1 in their order */
#define TREE    (MACHINE_DIRECT_MAP + 0xe00000)
#define NOTHING 0xffff888012340000ull /* not mapped */

struct fixture {
	struct machine *machine;
	struct hadal_kernel *kernel;
	unsigned int order[NODES + 1];
	size_t seen, lost, limit;
	unsigned int reject, stop_at;
};

static uint64_t node_at(unsigned int number)
{
	return TREE + 64 + number * sizeof(struct machine_tree_node);
}

static struct machine_tree_node *node(struct fixture *fixture, unsigned int number)
{
	return machine_at(fixture->machine, node_at(number));
}

/* A balanced tree of the numbers from first to last. */
static uint64_t plant(struct fixture *fixture, unsigned int first, unsigned int last)
{
	unsigned int middle = (first + last) / 2;

	if (first > last)
		return 0;
	*node(fixture, middle) = (struct machine_tree_node){
		.rb_left = plant(fixture, first, middle - 1),
		.rb_right = plant(fixture, middle + 1, last),
	};
	return node_at(middle);
}

static struct fixture make(void)
{
	struct fixture fixture = {
		.machine = machine_new(&(struct machine_options){0}),
		.limit = 1000,
	};
	struct machine_tree_root *root = machine_at(fixture.machine, TREE);

	root->rb_node = plant(&fixture, 1, NODES);
	fixture.kernel = machine_open(fixture.machine);
	return fixture;
}

static int visit(void *ctx, uint64_t at)
{
	struct fixture *fixture = ctx;
	unsigned int number = (at - node_at(0)) / sizeof(struct machine_tree_node);

	if (number == fixture->reject)
		return -EINVAL;
	assert_in_range(number, 1, NODES);
	assert_in_range(fixture->seen, 0, NODES - 1);
	fixture->order[fixture->seen++] = number;
	return number == fixture->stop_at ? 7 : 0;
}

static int walk(struct fixture *fixture)
{
	fixture->seen = 0;
	fixture->lost = 0;
	hadal_space_flush(hadal_kernel_space(fixture->kernel));
	return hadal_tree_walk(fixture->kernel, TREE, fixture->limit, visit, fixture,
			       &fixture->lost, NULL);
}

/* The nodes come in order, each once, without those from first to last. */
static void expect_all_but(const struct fixture *fixture, unsigned int first, unsigned int last)
{
	size_t at = 0;

	for (unsigned int number = 1; number <= NODES; number++)
		if (number < first || number > last)
			assert_int_equal(fixture->order[at++], number);
	assert_int_equal(fixture->seen, at);
}

static void nodes_come_in_order(void **state)
{
	struct fixture fixture = make();
	struct machine_tree_root *root = machine_at(fixture.machine, TREE);

	(void)state;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 0);
	expect_all_but(&fixture, 1, 0);
	fixture.stop_at = 40;
	assert_int_equal(walk(&fixture), 7);
	assert_int_equal(fixture.seen, 40);
	root->rb_node = 0;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.seen + fixture.lost, 0);
	machine_free(fixture.machine);
}

/* 64 is the root, 32 and 96 are below it, then 16, 48, 80 and 112. */
static void damage_costs_what_hangs_on_it(void **state)
{
	struct fixture fixture = make();
	const uint64_t bad[] = {NOTHING, node_at(80) + 1, 8};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		node(&fixture, 96)->rb_left = bad[i];
		/* What is not mapped is a node by its address, and visited; this visitor minds. */
		fixture.reject = (bad[i] - node_at(0)) / sizeof(struct machine_tree_node);
		assert_int_equal(walk(&fixture), 0);
		assert_in_range(fixture.lost, 1, 3);
		expect_all_but(&fixture, 65, 95);
	}
	node(&fixture, 96)->rb_left = node_at(80);
	fixture.reject = 10;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	expect_all_but(&fixture, 10, 10);
	machine_free(fixture.machine);
}

static void circles_and_sharing_end(void **state)
{
	struct fixture fixture = make();

	(void)state;
	node(&fixture, 96)->rb_left = node_at(64); /* up again */
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	expect_all_but(&fixture, 65, 95);
	node(&fixture, 96)->rb_left = node_at(16); /* another's child */
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	expect_all_but(&fixture, 65, 95);
	node(&fixture, 96)->rb_left = node_at(96);
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	expect_all_but(&fixture, 65, 95);
	machine_free(fixture.machine);
}

static void too_high_and_too_many_end(void **state)
{
	struct fixture fixture = make();

	(void)state;
	for (unsigned int i = NODES; i > 1; i--)
		*node(&fixture, i) = (struct machine_tree_node){.rb_left = node_at(i - 1)};
	node(&fixture, 64)->rb_left = node_at(NODES);
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.lost, 1);
	assert_int_equal(fixture.seen, 64);
	machine_free(fixture.machine);
	fixture = make();
	fixture.limit = 50;
	assert_int_equal(walk(&fixture), 0);
	assert_int_equal(fixture.seen, 50);
	assert_true(fixture.lost > 0);
	machine_free(fixture.machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_come_in_order),
		cmocka_unit_test(damage_costs_what_hangs_on_it),
		cmocka_unit_test(circles_and_sharing_end),
		cmocka_unit_test(too_high_and_too_many_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
