// SPDX-License-Identifier: MIT
// Sources: KERNEL tests/unit/machine.c
// Sources: tests/unit/machine_btf.c tests/unit/kallsyms_builder.c
// Libraries: -lbpf -lelf -lz
/* The walks of hash tables and trees over damaged ones. */
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "walk/address_map.h"
#include "walk/chain.h"
#include "walk/tree.h"
#include "machine.h"
#include "patch.h"

#define BUCKETS 64u
#define CHAIN   3u  /* nodes in each chain */
#define NODES   31u /* of the tree */

/* What the input changes, one after the other in one page or two. */
struct objects {
	uint64_t buckets[BUCKETS];
	struct {
		uint64_t next, padding;
	} nodes[BUCKETS * CHAIN];
	struct machine_tree_root root;
	struct machine_tree_node tree[NODES];
};

#define OBJECTS    (MACHINE_DIRECT_MAP + 0xe00000)
#define AT(member) (OBJECTS + offsetof(struct objects, member))

static struct machine *machine;
static struct hadal_kernel *kernel;
static struct objects *objects;
static struct hadal_address_map seen;
static size_t visits;

static uint64_t plant(unsigned int first, unsigned int count)
{
	unsigned int half = count / 2;

	if (!count)
		return 0;
	objects->tree[first + half] = (struct machine_tree_node){
		.rb_left = plant(first, half),
		.rb_right = plant(first + half + 1, count - half - 1),
	};
	return AT(tree) + (first + half) * sizeof(struct machine_tree_node);
}

static void make_machine(void)
{
	libbpf_set_print(NULL);
	machine = machine_new(&(struct machine_options){0});
	objects = machine_at(machine, OBJECTS);
	for (unsigned int i = 0; i < BUCKETS * CHAIN; i++) {
		uint64_t node = AT(nodes) + i * sizeof(objects->nodes[0]);

		objects->nodes[i].next = (i + 1) % CHAIN ? node + sizeof(objects->nodes[0]) : 0;
		if (i % CHAIN == 0)
			objects->buckets[i / CHAIN] = node;
	}
	objects->root.rb_node = plant(0, NODES);
	kernel = machine_open(machine);
}

/* Nodes outside of what there is are refused, as the kernel's objects are by what is in them. */
static int visit(void *ctx, uint64_t node)
{
	(void)ctx;
	visits++;
	return node >= OBJECTS && node < OBJECTS + sizeof(*objects) ? 0 : -1;
}

static int visit_once(void *ctx, uint64_t node)
{
	if (hadal_address_map_add(&seen, node, 0) != 1)
		abort();
	return visit(ctx, node);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct hadal_hash_table table = {AT(buckets), BUCKETS, sizeof(uint64_t), 0, false};
	struct patches patches;
	size_t lost = 0;

	if (!machine)
		make_machine();
	if (len < 1)
		return 0;
	table.bit_locks_chain = input[0] & 1;
	patches_apply(&patches, (uint8_t *)objects, sizeof(*objects), input + 1, len - 1);
	hadal_space_flush(hadal_kernel_space(kernel));
	visits = 0;
	if (hadal_hash_table_walk(hadal_kernel_space(kernel), &table, visit, NULL, &lost))
		abort();
	/* Each chain may run through all nodes there are, and around once more. */
	if (visits > BUCKETS * 4 * sizeof(*objects) / 8 || lost > BUCKETS)
		abort();
	if (hadal_tree_walk(kernel, AT(root), 10 * NODES, visit_once, NULL, &lost, NULL))
		abort();
	hadal_address_map_free(&seen);
	patches_undo(&patches);
	return 0;
}
