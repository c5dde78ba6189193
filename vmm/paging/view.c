// SPDX-License-Identifier: MIT
/* Views: the nested map once more, with some rights denied, and copies of pages for fetches. */
#include "paging/view.h"
#include "base/errno.h"

/* Software bits: a table of the view's own; rights that a page lacks here. */
#define SW_OWN          BIT(54)
#define SW_DENIED_SHIFT 55
#define SW_COPY         BIT(58)
#define SW_OTHER        SW_COPY /* VIEW_OWNED: it shows another page */
#define SW_UNDER        BIT(11) /* VIEW_OWNED: `under` denies something */
#define SW_VIEW         ((uint64_t)PT_RIGHTS << SW_DENIED_SHIFT | SW_COPY | SW_UNDER)

_Static_assert(VIEW_PAGES_MAX * sizeof(struct view_page) <= PAGE_BYTES, "one page has them");

static const struct pt_format *format_of(const struct view *view)
{
	return view->base->pt.format;
}

static uint64_t *table_of(const struct view *view, uint64_t entry)
{
	return pt_pool_virtual(view->base->pt.pool, entry & PT_ADDRESS);
}

static uint32_t denied_in(uint64_t entry)
{
	return entry >> SW_DENIED_SHIFT & PT_RIGHTS;
}

static bool is_own_table(uint64_t entry, unsigned level)
{
	return level > 1 && (entry & SW_OWN) && !pt_is_leaf(entry, level);
}

/* What the map has for an address on a level, as an entry of that level: a piece of a larger one
 * too.
 */
static uint64_t base_entry(const struct view *view, uint64_t va, unsigned level)
{
	const struct pagetable *pt = &view->base->pt;
	const uint64_t *table = pt->root;

	for (unsigned at = pt->levels;; at--) {
		uint64_t entry = entry_read(&table[pt_index(va, at)]);
		uint64_t offset = va & (pt_level_bytes(at) - 1) & ~(pt_level_bytes(level) - 1);

		if (at == level || !pt_in_use(pt->format, entry))
			return entry;
		if (pt_is_leaf(entry, at))
			return pt_make_leaf(pt->format, pt_leaf_address(entry, at) + offset,
					    pt_leaf_attr(pt->format, entry), level);
		table = pt_pool_virtual(pt->pool, entry & PT_ADDRESS);
	}
}

static uint64_t deny_fetches(const struct pt_format *format, uint64_t entry)
{
	return pt_in_use(format, entry) ? (entry & ~format->exec) | format->no_exec : entry;
}

/* The copy that a page has here, if the map shows what it is of. */
static const struct page_copy *copy_of(const struct view *view, uint64_t va, uint64_t shown,
				       uint64_t said)
{
	const struct page_copy *copy = said & SW_COPY ? copy_find(view->copies, va) : NULL;

	return copy && copy->source == shown ? copy : NULL;
}

/* The rights of a page that the map gives `rights`. *shown becomes the copy's address. */
static uint32_t rights_with_copy(const struct view *view, const struct page_copy *copy,
				 uint32_t rights, uint64_t *shown)
{
	if (!copy)
		return view->kind == VIEW_CODE ? rights & ~PT_EXEC : rights;
	if (view->kind == VIEW_DATA)
		return rights & PT_READ;
	if (view->kind == VIEW_OPEN)
		return rights & ~PT_WRITE;
	*shown = pt_pool_physical(view->base->pt.pool, copy->bytes);
	return view->kind == VIEW_ONE ? rights & PT_EXEC : rights & ~PT_WRITE;
}

/* Where a page is among those that show others, or would be. */
static uint32_t place_of(const struct view *view, uint64_t gpa)
{
	uint32_t low = 0, high = view->page_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (view->page[middle].gpa < gpa)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* An owner's view of a page. */
static uint64_t owned_entry(const struct view *view, uint64_t va, uint64_t said)
{
	uint64_t at = said & SW_OTHER ? view->page[place_of(view, va)].source : va;
	uint64_t entry = base_entry(view, at, 1);
	uint32_t attr, rights;

	if (!pt_in_use(format_of(view), entry))
		return entry | said;
	attr = pt_leaf_attr(format_of(view), entry);
	rights = attr & PT_RIGHTS & ~denied_in(said);
	if ((said & SW_UNDER) && view->under->root)
		rights &= ~view_denied(view->under, va);
	if (!(rights & PT_READ))
		rights = view->fetch_only ? rights & PT_EXEC : 0;
	return pt_make_leaf(format_of(view), pt_leaf_address(entry, 1),
			    (attr & ~PT_RIGHTS) | rights, 1) |
	       said;
}

/* The same as the view has it. said: the bits of SW_VIEW; with any of them it is a leaf of level 1.
 */
static uint64_t view_entry(const struct view *view, uint64_t va, unsigned level, uint64_t said)
{
	const struct pt_format *format = format_of(view);
	uint64_t entry = base_entry(view, va, level), shown;
	const struct page_copy *copy;
	uint32_t attr, rights;

	if (!said)
		return view->kind == VIEW_CODE ? deny_fetches(format, entry) : entry;
	if (view->kind == VIEW_OWNED)
		return owned_entry(view, va, said);
	if (!pt_in_use(format, entry))
		return entry | said;
	attr = pt_leaf_attr(format, entry);
	shown = pt_leaf_address(entry, level);
	copy = copy_of(view, va, shown, said);
	rights = rights_with_copy(view, copy, attr & PT_RIGHTS, &shown) & ~denied_in(said);
	if (!(rights & PT_READ) && (!copy || view->kind != VIEW_ONE))
		rights = 0;
	return pt_make_leaf(format, shown, (attr & ~PT_RIGHTS) | rights, level) | said;
}

/* Sets all entries of a table, but those that lead to tables of the view's own, as the map has
 * them. */
static void fill(const struct view *view, uint64_t *table, uint64_t va, unsigned level)
{
	uint64_t step = pt_level_bytes(level);

	for (unsigned i = 0; i < PT_ENTRIES; i++, va += step) {
		uint64_t entry = table[i];

		if (is_own_table(entry, level))
			fill(view, table_of(view, entry), va, level - 1);
		else
			entry_write(&table[i], view_entry(view, va, level, entry & SW_VIEW));
	}
}

int view_open(struct view *view, enum view_kind kind, const struct nested *base,
	      const struct copies *copies)
{
	view->base = base;
	view->copies = copies;
	view->kind = kind;
	view->root = pt_pool_alloc(base->pt.pool);
	if (!view->root)
		return -ENOMEM;
	view->tables = 1;
	fill(view, view->root, 0, base->pt.levels);
	return 0;
}

int view_open_owned(struct view *view, const struct nested *base, const struct view *under,
		    bool fetch_only)
{
	int err;

	view->under = under;
	view->fetch_only = fetch_only;
	view->page_count = 0;
	view->page = (struct view_page *)pt_pool_alloc(base->pt.pool);
	if (!view->page)
		return -ENOMEM;
	err = view_open(view, VIEW_OWNED, base, NULL);
	if (err)
		pt_pool_free(base->pt.pool, (uint64_t *)view->page);
	return err;
}

static void free_own(struct view *view, uint64_t *table, unsigned level)
{
	for (unsigned i = 0; i < PT_ENTRIES; i++)
		if (is_own_table(table[i], level))
			free_own(view, table_of(view, table[i]), level - 1);
	pt_pool_free(view->base->pt.pool, table);
}

void view_close(struct view *view)
{
	free_own(view, view->root, view->base->pt.levels);
	if (view->kind == VIEW_OWNED)
		pt_pool_free(view->base->pt.pool, (uint64_t *)view->page);
	view->root = NULL;
	view->tables = 0;
}

/* Where the entry of a page is, or the last own table's on the way to it. */
static uint64_t *find(const struct view *view, uint64_t gpa, unsigned *level)
{
	uint64_t *table = view->root;

	*level = view->base->pt.levels;
	for (;;) {
		uint64_t *slot = &table[pt_index(gpa, *level)];
		uint64_t entry = entry_read(slot);

		if (!is_own_table(entry, *level))
			return slot;
		table = table_of(view, entry);
		(*level)--;
	}
}

/* The entry of a page, in a table of the view's own. NULL: there is no memory for one. */
static uint64_t *own_slot(struct view *view, uint64_t gpa)
{
	struct pt_pool *pool = view->base->pt.pool;
	unsigned level;
	uint64_t *slot = find(view, gpa, &level);

	if (level - 1 > pt_pool_available(pool))
		return NULL;
	while (level > 1) {
		uint64_t *table = pt_pool_alloc(pool);

		fill(view, table, gpa & ~(pt_level_bytes(level) - 1), level - 1);
		entry_write(slot,
			    pt_pool_physical(pool, table) | format_of(view)->table_extra | SW_OWN);
		view->tables++;
		level--;
		slot = &table[pt_index(gpa, level)];
	}
	return slot;
}

int view_prepare(struct view *view, uint64_t gpa)
{
	return own_slot(view, gpa) ? 0 : -ENOMEM;
}

/* Says other things of a page: those in `bits`, of these. */
static int say(struct view *view, uint64_t gpa, uint64_t bits, uint64_t of)
{
	uint64_t *slot = own_slot(view, gpa);

	if (!slot)
		return -ENOMEM;
	entry_write(slot, view_entry(view, gpa & ~(PAGE_BYTES - 1), 1,
				     (entry_read(slot) & SW_VIEW & ~of) | bits));
	return 0;
}

int view_set(struct view *view, uint64_t gpa, uint32_t denied, bool has_copy)
{
	return say(view, gpa, (uint64_t)denied << SW_DENIED_SHIFT | (has_copy ? SW_COPY : 0),
		   view->kind == VIEW_OWNED ? (uint64_t)PT_RIGHTS << SW_DENIED_SHIFT : SW_VIEW);
}

int view_look_under(struct view *view, uint64_t gpa, bool anything)
{
	return say(view, gpa, anything ? SW_UNDER : 0, SW_UNDER);
}

static int look_under(struct view *view, const uint64_t *table, uint64_t va, unsigned level)
{
	int err = 0;

	for (unsigned i = 0; !err && i < PT_ENTRIES; i++, va += pt_level_bytes(level)) {
		uint64_t entry = table[i];

		if (is_own_table(entry, level))
			err = look_under(view, table_of(view->under, entry), va, level - 1);
		else if (denied_in(entry))
			err = view_look_under(view, va, true);
	}
	return err;
}

int view_look_under_all(struct view *view)
{
	return view->under->root ? look_under(view, view->under->root, 0, view->base->pt.levels)
				 : 0;
}

static void take_out(struct view *view, uint32_t place)
{
	view->page_count--;
	for (; place < view->page_count; place++)
		view->page[place] = view->page[place + 1];
}

static void put_in(struct view *view, uint32_t place, uint64_t gpa, uint64_t source)
{
	for (uint32_t i = view->page_count++; i > place; i--)
		view->page[i] = view->page[i - 1];
	view->page[place] = (struct view_page){gpa, source};
}

int view_show(struct view *view, uint64_t gpa, uint64_t source)
{
	uint32_t place = place_of(view, gpa);
	bool is_there = place < view->page_count && view->page[place].gpa == gpa;

	if (source != gpa && !is_there && view->page_count == VIEW_PAGES_MAX)
		return -ENOSPC;
	if (view_prepare(view, gpa))
		return -ENOMEM;
	if (source == gpa) {
		say(view, gpa, 0, SW_OTHER);
		if (is_there)
			take_out(view, place);
		return 0;
	}
	if (is_there)
		view->page[place].source = source;
	else
		put_in(view, place, gpa, source);
	return say(view, gpa, SW_OTHER, SW_OTHER);
}

static int set_like(struct view *view, const struct view *other, const uint64_t *table, uint64_t va,
		    unsigned level)
{
	int err = 0;

	for (unsigned i = 0; !err && i < PT_ENTRIES; i++, va += pt_level_bytes(level)) {
		uint64_t entry = table[i];

		if (is_own_table(entry, level))
			err = set_like(view, other, table_of(other, entry), va, level - 1);
		else if (entry & SW_VIEW)
			err = view_set(view, va, denied_in(entry), entry & SW_COPY);
	}
	return err;
}

int view_set_like(struct view *view, const struct view *other)
{
	return set_like(view, other, other->root, 0, other->base->pt.levels);
}

/* The bits of SW_VIEW of a page. */
static uint64_t said(const struct view *view, uint64_t gpa)
{
	unsigned level;
	const uint64_t *slot = find(view, gpa, &level);

	return level == 1 ? entry_read(slot) & SW_VIEW : 0;
}

uint32_t view_denied(const struct view *view, uint64_t gpa)
{
	return denied_in(said(view, gpa));
}

bool view_has_copy(const struct view *view, uint64_t gpa)
{
	return said(view, gpa) & SW_COPY;
}

bool view_shown_lacks(const struct view *view, uint64_t gpa, uint32_t rights)
{
	unsigned level;
	uint64_t entry = entry_read(find(view, gpa, &level));
	uint32_t has = pt_leaf_attr(format_of(view), entry);

	if (entry & format_of(view)->exec) /* also for fetches alone */
		has |= PT_EXEC;
	return level == 1 && (entry & SW_OTHER) && (rights & ~has);
}

uint64_t view_hpa(const struct view *view, uint64_t gpa)
{
	struct pagetable pt = view->base->pt;
	uint64_t entry;
	unsigned level;

	pt.root = view->root;
	pt_lookup(&pt, gpa, &entry, &level);
	if (!pt_in_use(pt.format, entry))
		return gpa;
	return pt_leaf_address(entry, level) | (gpa & (pt_level_bytes(level) - 1));
}

void view_follow(struct view *view)
{
	if (view->root)
		fill(view, view->root, 0, view->base->pt.levels);
}
