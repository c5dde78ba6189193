/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_WALK_CHAIN_H
#define HADAL_LIB_WALK_CHAIN_H

#include "memory/space.h"

/*
 * The kernel's hash tables: an array of buckets, in each the head of a chain of nodes that begin
 * with the pointer to the next one (hlist_head, hlist_nulls_head, rhashtable's buckets). A chain
 * ends with 0, or with an odd value, as those do whose objects may move to another chain.
 */
struct hadal_hash_table {
	uint64_t buckets;     /* address of the first */
	uint64_t count;       /* of buckets */
	size_t bucket_size;   /* bytes */
	size_t head_offset;   /* of the head in its bucket */
	bool bit_locks_chain; /* bit 0 of a head is a lock and no part of the pointer */
};

/* More buckets than any kernel makes; a table that claims more is damaged. */
#define HADAL_BUCKETS_MAX (1u << 24)

/*
 * Called for every node. Returns 0, a positive value to end the walk, or a negative errno when what
 * is there is no object of this table; its chain is then not followed any further.
 */
typedef int (*hadal_chain_visit)(void *ctx, uint64_t node);

/*
 * Walks all chains of a table, which may change meanwhile and may be damaged: nodes may be visited
 * more than once, and *lost counts the places where some may be missing. Returns 0 or what visit
 * ended the walk with.
 */
int hadal_hash_table_walk(struct hadal_space *space, const struct hadal_hash_table *table,
			  hadal_chain_visit visit, void *ctx, size_t *lost);

#endif
