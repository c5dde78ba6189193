// SPDX-License-Identifier: MIT
/* Page tables of all formats: map, look up, split, merge, unmap. */
#include "paging/pagetable.h"
#include "base/errno.h"

#define X86_PRESENT  BIT(0)
#define X86_WRITE    BIT(1)
#define X86_USER     BIT(2)
#define X86_PWT      BIT(3)
#define X86_PCD      BIT(4)
#define X86_ACCESSED BIT(5)
#define X86_DIRTY    BIT(6)
#define X86_GLOBAL   BIT(8)
#define X86_NX       BIT(63)
#define X86_UC       (X86_PWT | X86_PCD) /* PAT entry 3 is UC for everybody */

/* Accessed and dirty are set from the start: the processor then never writes to the tables. */
const struct pt_format pt_format_host = {
	.present = X86_PRESENT,
	.read = X86_PRESENT,
	.write = X86_WRITE,
	.no_exec = X86_NX,
	.global = X86_GLOBAL,
	.leaf_extra = X86_ACCESSED | X86_DIRTY,
	.table_extra = X86_PRESENT | X86_WRITE | X86_ACCESSED,
	.type_mask = X86_UC,
	.type = {X86_UC, X86_UC, X86_UC, X86_UC, X86_UC, X86_UC, 0, X86_UC},
};

/* Nested walks are user accesses (APM, Nested Paging). */
const struct pt_format pt_format_npt = {
	.present = X86_PRESENT,
	.read = X86_PRESENT,
	.write = X86_WRITE,
	.no_exec = X86_NX,
	.leaf_extra = X86_USER | X86_ACCESSED | X86_DIRTY,
	.table_extra = X86_PRESENT | X86_WRITE | X86_USER | X86_ACCESSED,
};

const struct pt_format pt_format_ept = {
	.present = BIT(0) | BIT(1) | BIT(2),
	.read = BIT(0),
	.write = BIT(1),
	.exec = BIT(2),
	.table_extra = BIT(0) | BIT(1) | BIT(2),
	.type_mask = 7 << 3,
	.type = {0 << 3, 1 << 3, 2 << 3, 3 << 3, 4 << 3, 5 << 3, 6 << 3, 7 << 3},
};

uint64_t pt_make_leaf(const struct pt_format *format, uint64_t physical, uint32_t attr,
		      unsigned level)
{
	uint64_t entry = physical | format->type[pt_type(attr)];

	if (level > 1)
		entry |= PT_LARGE;
	if (attr & PT_PINNED)
		entry |= PT_SW_PINNED;
	if (!(attr & PT_READ)) /* fetches alone: a format without it has no bit for it */
		return entry | PT_SW_KEPT | (attr & PT_EXEC ? format->exec : 0);
	entry |= format->read | format->leaf_extra;
	if (attr & PT_WRITE)
		entry |= format->write;
	entry |= attr & PT_EXEC ? format->exec : format->no_exec;
	if (attr & PT_GLOBAL)
		entry |= format->global;
	return entry;
}

uint32_t pt_leaf_attr(const struct pt_format *format, uint64_t entry)
{
	unsigned type = MEMORY_WB;
	uint32_t attr = 0;

	if ((entry & format->type_mask) != format->type[MEMORY_WB]) {
		type = 0;
		while (type < 7 && (entry & format->type_mask) != format->type[type])
			type++;
	}
	if (entry & PT_SW_PINNED)
		attr |= PT_PINNED;
	if (entry & format->read) {
		attr |= PT_READ;
		if (entry & format->write)
			attr |= PT_WRITE;
		if ((entry & (format->exec | format->no_exec)) == format->exec)
			attr |= PT_EXEC;
		if (entry & format->global)
			attr |= PT_GLOBAL;
	}
	return attr | PT_TYPE(type);
}

static bool attr_valid(uint32_t attr)
{
	return (attr & PT_READ) || !(attr & (PT_WRITE | PT_EXEC));
}

static uint64_t *table_of(const struct pagetable *pt, uint64_t entry)
{
	return pt_pool_virtual(pt->pool, entry & PT_ADDRESS);
}

static uint64_t table_entry(const struct pagetable *pt, const uint64_t *table)
{
	return pt_pool_physical(pt->pool, table) | pt->format->table_extra;
}

static uint64_t covered_bytes(const struct pagetable *pt)
{
	return pt_level_bytes(pt->levels + 1);
}

/* Is [va, va + bytes) page-aligned, not empty and inside? Upper halves count by their low bits. */
static bool range_valid(const struct pagetable *pt, uint64_t *va, uint64_t bytes)
{
	*va &= covered_bytes(pt) - 1;
	return bytes && !((*va | bytes) & (PAGE_BYTES - 1)) && bytes <= covered_bytes(pt) - *va;
}

/* The entries on the way to an address, by level; slot[level] of the one that decides is the last.
 */
struct path {
	uint64_t *slot[PT_MAX_LEVELS + 1];
	uint64_t value;
	unsigned level;
};

/* Reads an entry. True when it leads to a table of the next level down. */
static inline bool leads_down(const struct pagetable *pt, const uint64_t *slot, unsigned level,
			      uint64_t *value)
{
	*value = entry_read(slot);
	return pt_in_use(pt->format, *value) && !pt_is_leaf(*value, level);
}

static void find(const struct pagetable *pt, uint64_t va, struct path *path)
{
	unsigned level = pt->levels;

	path->slot[level] = &pt->root[pt_index(va, level)];
	while (leads_down(pt, path->slot[level], level, &path->value)) {
		uint64_t *table = table_of(pt, path->value);

		level--;
		path->slot[level] = &table[pt_index(va, level)];
	}
	path->level = level;
}

/* The same way without remembering it, for many exits go here. */
uint64_t *pt_lookup(const struct pagetable *pt, uint64_t va, uint64_t *value, unsigned *level)
{
	unsigned at = pt->levels;
	uint64_t *slot = &pt->root[pt_index(va, at)];
	uint64_t entry;

	while (leads_down(pt, slot, at, &entry)) {
		at--;
		slot = &table_of(pt, entry)[pt_index(va, at)];
	}
	*value = entry;
	*level = at;
	return slot;
}

int pt_init(struct pagetable *pt, const struct pt_format *format, struct pt_pool *pool,
	    unsigned levels, unsigned largest)
{
	pt->format = format;
	pt->pool = pool;
	pt->levels = levels;
	pt->largest = largest;
	pt->root = pt_pool_alloc(pool);
	return pt->root ? 0 : -ENOMEM;
}

static void free_tables(struct pagetable *pt, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < PT_ENTRIES; i++) {
		if (pt_in_use(pt->format, table[i]) && !pt_is_leaf(table[i], level))
			free_tables(pt, table_of(pt, table[i]), level - 1);
	}
	pt_pool_free(pt->pool, table);
}

void pt_destroy(struct pagetable *pt)
{
	free_tables(pt, pt->root, pt->levels);
	pt->root = NULL;
}

static bool garbage_add(struct pt_garbage *garbage, uint64_t *table)
{
	if (garbage->count == PT_GARBAGE_MAX)
		return false;
	garbage->table[garbage->count++] = table;
	return true;
}

void pt_garbage_free(struct pt_pool *pool, struct pt_garbage *garbage)
{
	while (garbage->count)
		pt_pool_free(pool, garbage->table[--garbage->count]);
}

/* May [va, end) to physical use leaves of a level, as far as alignment to each other goes? */
static bool leaf_possible(const struct pagetable *pt, uint64_t offset, unsigned level)
{
	return level == 1 || (level <= pt->largest && !(offset & (pt_level_bytes(level) - 1)));
}

/*
 * Tables that it takes to map [va, end), which lies inside one empty entry of the given level: one
 * for each entry on a level above the first that is not covered wholly, or cannot be a leaf.
 */
static uint64_t tables_for(const struct pagetable *pt, uint64_t va, uint64_t end, uint64_t offset,
			   unsigned level)
{
	uint64_t tables = 0;

	for (; level > 1; level--) {
		unsigned shift = PAGE_SHIFT + 9 * (level - 1);
		uint64_t first = va >> shift;

		tables += ((end - 1) >> shift) - first + 1;
		if (leaf_possible(pt, offset, level)) {
			uint64_t first_whole = (va + low_mask(shift)) >> shift;

			if (end >> shift > first_whole)
				tables -= (end >> shift) - first_whole;
		}
	}
	return tables;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* First address behind the entry of a level that holds va. */
static uint64_t entry_end(uint64_t va, unsigned level)
{
	return (va | (pt_level_bytes(level) - 1)) + 1;
}

/* Put empty tables in the way until the path ends on a level. The caller made sure of the pool. */
static int grow(struct pagetable *pt, uint64_t va, unsigned level, struct path *path)
{
	while (path->level > level) {
		uint64_t *table = pt_pool_alloc(pt->pool);

		if (!table)
			return -ENOMEM;
		entry_write(path->slot[path->level], table_entry(pt, table));
		path->level--;
		path->slot[path->level] = &table[pt_index(va, path->level)];
		path->value = 0;
	}
	return 0;
}

/* Can the range be mapped: is it empty, and does the pool suffice? */
static int map_check(const struct pagetable *pt, uint64_t va, uint64_t physical, uint64_t end)
{
	uint64_t tables = 0;
	uint64_t offset = va - physical;
	struct path path;

	while (va < end) {
		uint64_t stop;

		find(pt, va, &path);
		if (pt_in_use(pt->format, path.value))
			return -EEXIST;
		stop = min_u64(end, entry_end(va, path.level));
		tables += tables_for(pt, va, stop, offset, path.level);
		va = stop;
	}
	return tables > pt_pool_available(pt->pool) ? -ENOMEM : 0;
}

int pt_map(struct pagetable *pt, uint64_t va, uint64_t physical, uint64_t bytes, uint32_t attr)
{
	uint64_t offset, end;
	struct path path;
	int err;

	if (!range_valid(pt, &va, bytes) || (physical & ~PT_ADDRESS) || !attr_valid(attr) ||
	    bytes > PT_ADDRESS + PAGE_BYTES - physical)
		return -EINVAL;
	offset = va - physical;
	end = va + bytes;
	err = map_check(pt, va, physical, end);
	while (!err && va < end) {
		unsigned level;

		find(pt, va, &path);
		level = path.level;
		while (level > 1 &&
		       ((va & (pt_level_bytes(level) - 1)) || end - va < pt_level_bytes(level) ||
			!leaf_possible(pt, offset, level)))
			level--;
		err = grow(pt, va, level, &path);
		if (err)
			break;
		/* The table found holds the following entries as well. */
		for (unsigned i = pt_index(va, level);; i++) {
			entry_write(path.slot[level]++,
				    pt_make_leaf(pt->format, va - offset, attr, level));
			va += pt_level_bytes(level);
			if (i == PT_ENTRIES - 1 || end - va < pt_level_bytes(level) ||
			    pt_in_use(pt->format, *path.slot[level]))
				break;
		}
	}
	return err;
}

/* Replace the leaf at the end of a path by a table of the same meaning; the path then ends in it.
 */
static int split_leaf(struct pagetable *pt, uint64_t va, struct path *path)
{
	uint64_t *table = pt_pool_alloc(pt->pool);
	unsigned child = path->level - 1;
	uint32_t attr = pt_leaf_attr(pt->format, path->value);
	uint64_t physical = pt_leaf_address(path->value, path->level);

	if (!table)
		return -ENOMEM;
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		table[i] =
			pt_make_leaf(pt->format, physical + i * pt_level_bytes(child), attr, child);
	entry_write(path->slot[path->level], table_entry(pt, table));
	path->level = child;
	path->slot[child] = &table[pt_index(va, child)];
	path->value = *path->slot[child];
	return 0;
}

static int split_path(struct pagetable *pt, uint64_t va, unsigned level, struct path *path)
{
	if (path->level > level && path->level - level > pt_pool_available(pt->pool))
		return -ENOMEM;
	while (path->level > level) {
		int err = split_leaf(pt, va, path);

		if (err)
			return err;
	}
	return 0;
}

int pt_split(struct pagetable *pt, uint64_t va, unsigned level)
{
	struct path path;

	find(pt, va, &path);
	if (!pt_in_use(pt->format, path.value))
		return -ENOENT;
	return split_path(pt, va, level, &path);
}

int pt_set_page(struct pagetable *pt, uint64_t va, uint64_t physical, uint32_t attr)
{
	struct path path;
	int err;

	if (((va | physical) & (PAGE_BYTES - 1)) || (physical & ~PT_ADDRESS) || !attr_valid(attr))
		return -EINVAL;
	find(pt, va, &path);
	if (path.level - 1 > pt_pool_available(pt->pool))
		return -ENOMEM;
	if (pt_in_use(pt->format, path.value))
		err = split_path(pt, va, 1, &path);
	else
		err = grow(pt, va, 1, &path);
	if (!err)
		entry_write(path.slot[1], pt_make_leaf(pt->format, physical, attr, 1));
	return err;
}

static uint64_t *table_start(uint64_t *slot)
{
	return (uint64_t *)((uintptr_t)slot & ~(uintptr_t)(PAGE_BYTES - 1));
}

/* Take the tables on the way to va out that hold nothing any more. */
static void prune(struct pagetable *pt, uint64_t va, struct pt_garbage *garbage)
{
	struct path path;

	find(pt, va, &path);
	for (unsigned level = path.level; level < pt->levels; level++) {
		uint64_t *table = table_start(path.slot[level]);

		for (unsigned i = 0; i < PT_ENTRIES; i++) {
			if (table[i])
				return;
		}
		if (!garbage_add(garbage, table))
			return;
		entry_write(path.slot[level + 1], 0);
	}
}

/* Level on which an entry can start at va. */
static unsigned aligned_level(const struct pagetable *pt, uint64_t va)
{
	unsigned level = 1;

	while (level < pt->levels && !(va & (pt_level_bytes(level + 1) - 1)))
		level++;
	return level;
}

/* Tables that it takes to let an entry start at va. */
static unsigned splits_at(const struct pagetable *pt, uint64_t va)
{
	struct path path;

	if (va == covered_bytes(pt))
		return 0;
	find(pt, va, &path);
	if (!pt_in_use(pt->format, path.value) || path.level <= aligned_level(pt, va))
		return 0;
	return path.level - aligned_level(pt, va);
}

int pt_unmap(struct pagetable *pt, uint64_t va, uint64_t bytes, struct pt_garbage *garbage)
{
	struct path path;
	uint64_t end;

	if (!range_valid(pt, &va, bytes))
		return -EINVAL;
	end = va + bytes;
	if (splits_at(pt, va) + splits_at(pt, end) > pt_pool_available(pt->pool))
		return -ENOMEM;
	if (splits_at(pt, va))
		pt_split(pt, va, aligned_level(pt, va));
	if (splits_at(pt, end))
		pt_split(pt, end, aligned_level(pt, end));

	while (va < end) {
		uint64_t next;

		find(pt, va, &path);
		next = entry_end(va, path.level);
		if (pt_in_use(pt->format, path.value))
			entry_write(path.slot[path.level], 0);
		if (next >= end || path.level == pt->levels ||
		    !(next & (pt_level_bytes(path.level + 1) - 1)))
			prune(pt, va, garbage);
		va = next;
	}
	return 0;
}

/* If all entries of a table are alike and contiguous: the one that can replace it, else 0. */
static uint64_t merged_entry(const struct pagetable *pt, const uint64_t *table, unsigned level)
{
	uint64_t physical = pt_leaf_address(table[0], level);
	uint32_t attr = pt_leaf_attr(pt->format, table[0]);

	if (!pt_in_use(pt->format, table[0]) || !pt_is_leaf(table[0], level) ||
	    (attr & PT_PINNED) || (physical & (pt_level_bytes(level + 1) - 1)))
		return 0;
	/* Attributes lie outside the address bits, so that alike entries differ by the address
	 * only. */
	for (unsigned i = 1; i < PT_ENTRIES; i++) {
		if (table[i] != table[0] + i * pt_level_bytes(level))
			return 0;
	}
	return pt_make_leaf(pt->format, physical, attr, level + 1);
}

unsigned pt_merge(struct pagetable *pt, uint64_t va, struct pt_garbage *garbage)
{
	unsigned merged = 0;
	struct path path;

	find(pt, va, &path);
	for (unsigned level = path.level; level < pt->largest; level++) {
		uint64_t *table = table_start(path.slot[level]);
		uint64_t entry = merged_entry(pt, table, level);

		if (!entry || !garbage_add(garbage, table))
			break;
		entry_write(path.slot[level + 1], entry);
		merged++;
	}
	return merged;
}
