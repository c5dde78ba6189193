// SPDX-License-Identifier: MIT
/* Walking the kernel's hash tables, sound or damaged. */
#include "walk/chain.h"

#include <errno.h>
#include <string.h>

#include "walk/list.h"

/* How often a pointer that leads nowhere is read again: the chain may just be changing. */
#define RETRIES 3
/* More nodes than any table has; one with more has chains that run into each other. */
#define NODE_LIMIT (4u << 20)
/* A table in which so many chains are broken is none. */
#define LOST_LIMIT 1000u
/* How much of a table is read at a time. */
#define PIECE 4096u

struct chain_walk {
	struct hadal_space *space;
	hadal_chain_visit visit;
	void *ctx;
	size_t left; /* nodes that may still be visited */
};

/* Reads the pointer that led here again, from memory as it is now. */
static uint64_t reread(struct chain_walk *walk, uint64_t pointer_at)
{
	uint64_t pointer;

	hadal_space_flush(walk->space);
	return hadal_space_read_u64(walk->space, pointer_at, &pointer) ? 0 : pointer;
}

/*
 * Follows a chain from the pointer node, which was read at pointer_at. Returns 0 at its end, a
 * negative errno where it breaks, or what visit ended the walk with.
 */
static int walk_chain(struct chain_walk *walk, uint64_t pointer_at, uint64_t node)
{
	uint64_t landmark = 0; /* a node passed: who comes by again goes in a circle */
	int retries = RETRIES;

	for (uint32_t steps = 1; node && !(node & 1); steps++) {
		int result = hadal_is_node(node) ? walk->visit(walk->ctx, node) : -EINVAL;
		uint64_t next;

		if (result > 0)
			return result;
		if (!result)
			result = hadal_space_read_u64(walk->space, node, &next);
		if (result < 0) {
			uint64_t again = reread(walk, pointer_at);

			if (again == node || !retries--)
				return result;
			node = again;
			continue;
		}
		if (node == landmark || !walk->left)
			return -ELOOP;
		walk->left--;
		/* Farther apart each time, so that one of them is in the circle, however long. */
		if (!(steps & (steps - 1)))
			landmark = node;
		retries = RETRIES;
		pointer_at = node;
		node = next;
	}
	return 0;
}

/* Walks the chains of buckets of which a copy was read at address. */
static int walk_buckets(struct chain_walk *walk, const struct hadal_hash_table *table,
			uint64_t address, const uint8_t *copy, size_t count, size_t *lost)
{
	for (size_t i = 0; i < count && *lost < LOST_LIMIT; i++) {
		size_t at = i * table->bucket_size + table->head_offset;
		uint64_t head;
		int result;

		memcpy(&head, copy + at, sizeof(head));
		if (table->bit_locks_chain)
			head &= ~1ull;
		result = walk_chain(walk, address + at, head);
		if (result > 0)
			return result;
		if (result < 0)
			(*lost)++;
	}
	return 0;
}

int hadal_hash_table_walk(struct hadal_space *space, const struct hadal_hash_table *table,
			  hadal_chain_visit visit, void *ctx, size_t *lost)
{
	struct chain_walk walk = {space, visit, ctx, NODE_LIMIT};
	uint8_t copy[PIECE];
	size_t at_once = table->bucket_size ? sizeof(copy) / table->bucket_size : 0;
	size_t lost_here = 0;
	int result = 0;

	if (!at_once || table->head_offset + sizeof(uint64_t) > table->bucket_size ||
	    !hadal_is_node(table->buckets) || table->count > HADAL_BUCKETS_MAX) {
		(*lost)++;
		return 0;
	}
	for (uint64_t i = 0; !result && i < table->count && lost_here < LOST_LIMIT; i += at_once) {
		uint64_t address = table->buckets + i * table->bucket_size;
		size_t count = table->count - i < at_once ? table->count - i : at_once;

		if (hadal_space_read_exact(space, address, copy, count * table->bucket_size))
			lost_here++;
		else
			result = walk_buckets(&walk, table, address, copy, count, &lost_here);
	}
	*lost += lost_here;
	return result;
}
