// SPDX-License-Identifier: MIT
/* The guest-physical map: the identity, but for pages that show others or nothing. */
#include "paging/nested.h"
#include "base/errno.h"

/* The last range found to be of one type, so that neighbours need no new search. */
struct type_run {
	uint64_t start, end;
	int type;
};

/* Find the longest range of one type from an address on, up to a limit. */
static void find_run(const struct nested *nested, uint64_t physical, uint64_t limit,
		     struct type_run *run)
{
	run->start = physical;
	run->end = limit;
	run->type = MEMORY_WB;
	if (!nested->mtrr)
		return;
	run->type = mtrr_type_at(nested->mtrr, physical, &run->end);
	while (run->end < limit) {
		uint64_t end;

		if (mtrr_type_at(nested->mtrr, run->end, &end) != run->type)
			return;
		run->end = end;
	}
	run->end = limit;
}

/* Type of [physical, physical + bytes), or MTRR_MIXED. The run serves as a cache. */
static int run_type(const struct nested *nested, uint64_t physical, uint64_t bytes,
		    struct type_run *run)
{
	if (physical < run->start || physical >= run->end)
		find_run(nested, physical, nested->limit, run);
	return bytes <= run->end - physical ? run->type : MTRR_MIXED;
}

static uint32_t type_attr(const struct nested *nested, uint64_t physical)
{
	uint64_t end;

	return PT_TYPE(nested->mtrr ? mtrr_type_at(nested->mtrr, physical, &end) : MEMORY_WB);
}

static bool is_mapped(const struct nested *nested, uint64_t entry)
{
	return pt_in_use(nested->pt.format, entry);
}

static uint64_t next_entry(uint64_t gpa, unsigned level)
{
	return (gpa | (pt_level_bytes(level) - 1)) + 1;
}

/* Map a range that is empty to [start, end). On error a part of it may be mapped. */
static int map_range(struct nested *nested, uint64_t gpa, uint64_t start, uint64_t end,
		     uint32_t rights)
{
	while (start < end) {
		struct type_run run;
		int err;

		find_run(nested, start, end, &run);
		err = pt_map(&nested->pt, gpa, start, run.end - start, rights | PT_TYPE(run.type));
		if (err)
			return err;
		gpa += run.end - start;
		start = run.end;
	}
	return 0;
}

static int map_identity(struct nested *nested, uint64_t start, uint64_t end)
{
	return map_range(nested, start, start, end, PT_RIGHTS);
}

int nested_init(struct nested *nested, const struct pt_format *format, struct pt_pool *pool,
		const struct mtrr_state *mtrr, unsigned physical_bits, unsigned levels,
		unsigned largest, uint64_t end)
{
	int err;

	if (physical_bits < 32 || physical_bits > 52 || levels < 4 || levels > PT_MAX_LEVELS)
		return -EINVAL;
	err = pt_init(&nested->pt, format, pool, levels, largest);
	if (err)
		return err;
	nested->garbage.count = 0;
	nested->mtrr = mtrr;
	nested->overrides = 0;
	nested->window = 0;
	nested->window_end = 0;
	nested->limit = BIT(physical_bits);
	if (nested->limit > pt_level_bytes(levels + 1))
		nested->limit = pt_level_bytes(levels + 1);
	if (end > nested->limit)
		end = nested->limit;
	nested->end = (end + SIZE_1G - 1) & ~(SIZE_1G - 1);
	pool->reserve += NESTED_RESERVE;
	err = map_identity(nested, 0, nested->end);
	if (!err && pool->free_pages < pool->reserve)
		err = -ENOMEM;
	if (err)
		nested_destroy(nested);
	return err;
}

void nested_destroy(struct nested *nested)
{
	nested_flushed(nested);
	nested->pt.pool->reserve -= NESTED_RESERVE;
	pt_destroy(&nested->pt);
}

uint64_t nested_root(const struct nested *nested)
{
	return pt_root_physical(&nested->pt);
}

uint64_t nested_eptp(const struct nested *nested)
{
	return nested_root(nested) | (uint64_t)(nested->pt.levels - 1) << 3 | MEMORY_WB;
}

void nested_flushed(struct nested *nested)
{
	pt_garbage_free(nested->pt.pool, &nested->garbage);
}

/*
 * Map the piece of identity that holds an address at which nothing is mapped: 1 GiB when that is of
 * one type and nothing else is in it, else 2 MiB in whatever pages it takes. At most levels - 1
 * tables.
 */
static int map_piece(struct nested *nested, uint64_t gpa)
{
	uint64_t bytes = SIZE_2M;
	struct type_run run = {0};
	uint64_t entry, start;
	unsigned level;

	if (pt_pool_available(nested->pt.pool) < nested->pt.levels - 1u)
		return -ENOMEM;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	start = gpa & ~(SIZE_1G - 1);
	if (level >= 3 && nested->pt.largest >= 3 &&
	    run_type(nested, start, SIZE_1G, &run) != MTRR_MIXED)
		bytes = SIZE_1G;
	start = gpa & ~(bytes - 1);
	return map_identity(nested, start, start + bytes);
}

int nested_set(struct nested *nested, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	struct pt_pool *pool = nested->pt.pool;
	uint64_t entry;
	unsigned level;
	int err;

	if (gpa >= nested->limit || hpa >= nested->limit || ((gpa | hpa) & (PAGE_BYTES - 1)))
		return -EINVAL;
	if ((rights & ~PT_RIGHTS) || (rights && !(rights & PT_READ)))
		return -EINVAL;
	/*
	 * A change keeps mappings made on demand from being taken away, so that those must not hold
	 * pages of the reserve then.
	 */
	if (gpa >= nested->end && pool->free_pages < pool->reserve)
		return -ENOMEM;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	if (!is_mapped(nested, entry)) {
		err = map_piece(nested, gpa);
		if (err)
			return err;
	}
	err = pt_set_page(&nested->pt, gpa, hpa, rights | PT_PINNED | type_attr(nested, hpa));
	if (!err && !(entry & PT_SW_PINNED))
		nested->overrides++;
	return err;
}

void nested_change(struct nested *nested, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	uint64_t entry;
	unsigned level;
	uint64_t *slot = pt_lookup(&nested->pt, gpa, &entry, &level);

	entry_write(slot, pt_make_leaf(nested->pt.format, hpa,
				       rights | PT_PINNED | type_attr(nested, hpa), 1));
}

int nested_reset(struct nested *nested, uint64_t gpa)
{
	uint64_t entry;
	unsigned level;
	int err;

	if (gpa >= nested->limit || (gpa & (PAGE_BYTES - 1)))
		return -EINVAL;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	if (!(entry & PT_SW_PINNED))
		return -ENOENT;
	err = pt_set_page(&nested->pt, gpa, gpa, PT_RIGHTS | type_attr(nested, gpa));
	if (err)
		return err;
	nested->overrides--;
	pt_merge(&nested->pt, gpa, &nested->garbage);
	return 0;
}

bool nested_lookup(const struct nested *nested, uint64_t gpa, struct nested_page *page)
{
	uint64_t entry;
	unsigned level;
	uint32_t attr;

	if (gpa >= nested->limit)
		return false;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	if (!is_mapped(nested, entry)) {
		page->hpa = gpa;
		page->rights = PT_RIGHTS;
		page->type = pt_type(type_attr(nested, gpa));
		page->level = 0;
		page->is_override = false;
		return true;
	}
	attr = pt_leaf_attr(nested->pt.format, entry);
	page->hpa = pt_leaf_address(entry, level) | (gpa & (pt_level_bytes(level) - 1));
	page->rights = attr & PT_RIGHTS;
	page->type = pt_type(attr);
	page->level = level;
	page->is_override = attr & PT_PINNED;
	return true;
}

/* Tables that a leaf needs so that all leaves made of it are of one type. */
static uint64_t tables_for_types(const struct nested *nested, uint64_t physical, unsigned level,
				 struct type_run *run)
{
	uint64_t tables = 1;

	if (level == 1 || run_type(nested, physical, pt_level_bytes(level), run) != MTRR_MIXED)
		return 0;
	for (unsigned i = 0; level == 3 && i < PT_ENTRIES; i++)
		tables += tables_for_types(nested, physical + i * SIZE_2M, 2, run);
	return tables;
}

static uint64_t tables_for_rebuild(const struct nested *nested)
{
	struct type_run run = {0};
	uint64_t tables = 0;
	uint64_t entry;
	unsigned level;

	for (uint64_t gpa = 0; gpa < nested->limit; gpa = next_entry(gpa, level)) {
		pt_lookup(&nested->pt, gpa, &entry, &level);
		if (is_mapped(nested, entry))
			tables += tables_for_types(nested, pt_leaf_address(entry, level), level,
						   &run);
	}
	return tables;
}

int nested_rebuild_types(struct nested *nested)
{
	const struct pt_format *format = nested->pt.format;
	struct type_run run = {0};
	uint64_t gpa = 0;

	if (!nested->mtrr)
		return 0;
	if (tables_for_rebuild(nested) > pt_pool_available(nested->pt.pool))
		return -ENOMEM;
	while (gpa < nested->limit) {
		uint64_t entry, physical, next;
		unsigned level;
		uint64_t *slot = pt_lookup(&nested->pt, gpa, &entry, &level);

		next = next_entry(gpa, level);
		if (is_mapped(nested, entry)) {
			int type;

			physical = pt_leaf_address(entry, level);
			type = run_type(nested, physical, pt_level_bytes(level), &run);
			if (type == MTRR_MIXED) {
				int err = pt_split(&nested->pt, gpa, level - 1);

				if (err)
					return err;
				continue;
			}
			entry &= ~format->type_mask;
			entry_write(slot, entry | format->type[type]);
			if (!(next & (pt_level_bytes(level + 1) - 1)))
				pt_merge(&nested->pt, gpa, &nested->garbage);
		}
		gpa = next;
	}
	return 0;
}

static bool has_override(const struct nested *nested, uint64_t start, uint64_t end)
{
	uint64_t entry;
	unsigned level;

	for (uint64_t gpa = start; gpa < end; gpa = next_entry(gpa, level)) {
		pt_lookup(&nested->pt, gpa, &entry, &level);
		if (entry & PT_SW_PINNED)
			return true;
	}
	return false;
}

static bool in_window(const struct nested *nested, uint64_t gpa)
{
	return gpa >= nested->window && gpa < nested->window_end;
}

/* Take away what was mapped on demand, as far as garbage has room; whole GiB without a change in
 * them. */
static void drop_on_demand(struct nested *nested)
{
	uint64_t gpa = nested->end;
	uint64_t entry;
	unsigned level;

	while (gpa < nested->limit && nested->garbage.count < PT_GARBAGE_MAX) {
		if (in_window(nested, gpa)) {
			gpa = nested->window_end;
			continue;
		}
		pt_lookup(&nested->pt, gpa, &entry, &level);
		if (level > 3) {
			gpa = next_entry(gpa, level);
			continue;
		}
		if (!has_override(nested, gpa, gpa + SIZE_1G))
			pt_unmap(&nested->pt, gpa, SIZE_1G, &nested->garbage);
		gpa += SIZE_1G;
	}
}

int nested_fault_in(struct nested *nested, uint64_t gpa)
{
	struct pt_pool *pool = nested->pt.pool;
	size_t reserve = pool->reserve;
	uint64_t entry;
	unsigned level;
	int err;

	if (gpa >= nested->limit)
		return -EINVAL;
	pt_lookup(&nested->pt, gpa, &entry, &level);
	if (is_mapped(nested, entry))
		return 0;
	if (in_window(nested, gpa)) /* no RAM, and not to be mistaken for a device */
		return -EINVAL;
	pool->reserve = 0;
	err = map_piece(nested, gpa);
	pool->reserve = reserve;
	if (!err)
		return 0;
	drop_on_demand(nested);
	return -EAGAIN;
}

int nested_window_open(struct nested *nested, uint64_t start, uint64_t end)
{
	if (((start | end) & (SIZE_1G - 1)) || start < nested->end || start >= end ||
	    end > nested->limit)
		return -EINVAL;
	if (nested->window)
		return -EEXIST;
	if (has_override(nested, start, end))
		return -EBUSY;
	nested->window = start;
	nested->window_end = end;
	nested->overrides++;
	return 0;
}

int nested_window_map(struct nested *nested, uint64_t gpa, uint64_t hpa, uint64_t bytes)
{
	if (!in_window(nested, gpa) || bytes > nested->window_end - gpa)
		return -EINVAL;
	return map_range(nested, gpa, hpa, hpa + bytes, PT_READ);
}

int nested_window_change(struct nested *nested, uint64_t gpa, uint64_t hpa)
{
	return pt_set_page(&nested->pt, gpa, hpa, PT_READ | type_attr(nested, hpa));
}

bool nested_window_unmap(struct nested *nested, uint64_t *position)
{
	uint64_t entry;
	unsigned level;

	if (*position < nested->window)
		*position = nested->window;
	while (*position < nested->window_end && nested->garbage.count < PT_GARBAGE_MAX / 2) {
		pt_lookup(&nested->pt, *position, &entry, &level);
		if (level > 3) {
			*position = next_entry(*position, level);
			continue;
		}
		pt_unmap(&nested->pt, *position, SIZE_1G, &nested->garbage);
		*position += SIZE_1G;
	}
	return *position < nested->window_end;
}

void nested_window_close(struct nested *nested)
{
	nested->window = 0;
	nested->window_end = 0;
	nested->overrides--;
}
