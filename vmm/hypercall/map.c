// SPDX-License-Identifier: MIT
/* Pages that show other physical pages. */
#include "hypercall/map.h"
#include "hypercall/client.h"
#include "base/errno.h"
#include "hypercall/hypercall.h"
#include "cpus/lock.h"
#include "paging/memory.h"
#include "base/page_set.h"
#include "cpus/request.h"
#include "vcpu/vendor.h"

/* At the end of a client: so many parts of the table are looked through in one call, each of which
 * may have as many pages as this, so that no interrupt waits for long. */
#define PIECE_PARTS 64u
#define PIECE_PAGES 256u

_Static_assert(PAGE_SET_DEPTH_MAX >= PT_MAX_LEVELS, "make_room() is for both");

static uint64_t mapped_count;

uint64_t map_count(void)
{
	return __atomic_load_n(&mapped_count, __ATOMIC_RELAXED);
}

int map_check_page(uint64_t page)
{
	if (page & (PAGE_BYTES - 1))
		return -EINVAL;
	if (memory_is_own(page))
		return -EACCES;
	return memory_is_ram(page) ? 0 : -ENXIO;
}

/* Called with the lock held; on return all CPUs have the new translation. */
static void flush(struct vcpu *vcpu)
{
	request_flush_all(vcpu);
	nested_flushed(&machine.nested);
}

/* Into *place, or where it is when the table has grown. 0, -EEXIST, -ENOSPC, -ENOMEM. */
static int put(uint64_t **place, uint64_t gpa, unsigned owner)
{
	int err;

	if (**place)
		return -EEXIST;
	while ((err = page_set_put(*place, gpa, owner)) == -EAGAIN) {
		uint64_t *memory = pt_pool_alloc(&machine.pool);

		if (!memory)
			return -ENOMEM;
		page_set_grow(gpa, memory);
		*place = page_set_find(gpa);
	}
	return err;
}

/* What the table needs no more is free when all CPUs have flushed, as page tables are: they read in
 * it without the lock. */
static void shrink(uint64_t gpa)
{
	struct pt_garbage *garbage = &machine.nested.garbage;
	uint64_t *memory;

	while (garbage->count < PT_GARBAGE_MAX && (memory = page_set_shrink(gpa)))
		garbage->table[garbage->count++] = memory;
}

static void take_out(uint64_t *entry)
{
	uint64_t gpa = page_address_of(*entry);

	page_set_erase(entry);
	shrink(gpa);
}

static int map_locked(struct vcpu *vcpu, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	uint64_t *entry = page_set_find(gpa);
	int err = put(&entry, gpa, 0);

	if (err)
		return err;
	err = nested_set(&machine.nested, gpa, hpa, rights);
	if (err) {
		take_out(entry);
		return err;
	}
	entry_write(entry, *entry | PAGE_SHOWS_OTHER);
	mapped_count++;
	flush(vcpu);
	return 0;
}

int64_t hypercall_map(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->regs.rdi, hpa = vcpu->regs.rsi, flags = vcpu->regs.rdx;
	int err;

	if (flags & ~(uint64_t)HADAL_MAP_WRITE)
		return -EINVAL;
	err = map_check_page(gpa);
	if (!err)
		err = map_check_page(hpa);
	if (err)
		return err;
	lock_take(&nested_lock);
	err = map_locked(vcpu, gpa, hpa, PT_READ | (flags & HADAL_MAP_WRITE ? PT_WRITE : 0));
	lock_give(&nested_lock);
	return err;
}

/*
 * A page shows itself again, for everybody after the next flush. It has an entry of its own in the
 * nested tables, so that this cannot fail. True when a flush is needed: it showed another one, or
 * tables were taken out.
 */
static bool show_no_other(uint64_t entry)
{
	bool showed_other = entry & PAGE_SHOWS_OTHER;

	nested_reset(&machine.nested, page_address_of(entry));
	mapped_count -= showed_other;
	return showed_other || machine.nested.garbage.count;
}

/* Takes it out of the table, too. */
static bool forget(uint64_t *entry)
{
	bool is_stale = show_no_other(*entry);

	take_out(entry);
	return is_stale || machine.nested.garbage.count;
}

int64_t hypercall_unmap(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->regs.rdi, *entry;
	int err = -ENOENT;

	if (gpa & (PAGE_BYTES - 1))
		return -EINVAL;
	lock_take(&nested_lock);
	entry = page_set_find(gpa);
	if (*entry && !page_owner(*entry)) {
		err = 0;
		if (forget(entry))
			flush(vcpu);
	}
	lock_give(&nested_lock);
	return err;
}

static bool is_idle(uint64_t entry)
{
	return (entry & (PAGE_SHOWS_OTHER | PAGE_HAS_SHOWN)) == PAGE_HAS_SHOWN;
}

static bool is_page_of(uint64_t entry, const struct client *client)
{
	return entry && page_owner(entry) == client_number(client);
}

bool map_is_client_page(const struct client *client, uint64_t gpa)
{
	return is_page_of(entry_read(page_set_find(page_address_of(gpa))), client);
}

/* The page gets an entry of its own in the nested tables now, so that showing another is fast. */
static int add_locked(struct vcpu *vcpu, struct client *client, uint64_t gpa)
{
	uint64_t *entry = page_set_find(gpa);
	int err = put(&entry, gpa, client_number(client));
	struct nested_page before;

	if (err)
		return err;
	nested_lookup(&machine.nested, gpa, &before);
	err = nested_set(&machine.nested, gpa, gpa, PT_RIGHTS);
	if (err) {
		take_out(entry);
		return err;
	}
	client->state.pages++;
	/* Nothing is translated otherwise, but no TLB may mix pages of two sizes. */
	if (before.level > 1)
		request_flush_page(vcpu, gpa);
	return 0;
}

int map_add_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa)
{
	int err = map_check_page(gpa);

	if (err)
		return err;
	lock_take(&nested_lock);
	err = add_locked(vcpu, client, gpa);
	lock_give(&nested_lock);
	return err;
}

static void uncount(struct client *client, uint64_t entry)
{
	client->state.pages--;
	client->state.idle -= is_idle(entry);
	if (entry & PAGE_SHOWS_OTHER)
		client->state.mapped--;
}

int map_remove_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa, uint64_t flags)
{
	uint64_t *entry;
	int err = 0;

	if ((gpa & (PAGE_BYTES - 1)) || (flags & ~(uint64_t)HADAL_PAGE_IDLE))
		return -EINVAL;
	lock_take(&nested_lock);
	entry = page_set_find(gpa);
	if (!is_page_of(*entry, client))
		err = -ENOENT;
	else if ((flags & HADAL_PAGE_IDLE) && !is_idle(*entry))
		err = -EBUSY;
	else
		uncount(client, *entry);
	if (!err && forget(entry))
		flush(vcpu);
	lock_give(&nested_lock);
	return err;
}

/* For what the next page, or part of the table, may free. */
static void make_room(struct vcpu *vcpu)
{
	if (machine.nested.garbage.count > PT_GARBAGE_MAX - PAGE_SET_DEPTH_MAX)
		flush(vcpu);
}

/* Of the part of the table that is next. It shrinks when all of them are out, for then entries
 * move. */
static unsigned remove_in_part(struct vcpu *vcpu, struct client *client)
{
	unsigned removed = 0;
	uint64_t *entry, gpa;

	/* Erasing may move an entry that comes after to here. */
	while ((entry = page_set_next(&client->position, client_number(client)))) {
		gpa = page_address_of(*entry);
		uncount(client, *entry);
		client->is_stale |= show_no_other(*entry);
		page_set_erase(entry);
		client->position--;
		removed++;
		make_room(vcpu);
	}
	if (removed)
		shrink(gpa);
	make_room(vcpu);
	client->is_stale |= machine.nested.garbage.count > 0;
	return removed;
}

/*
 * Until the last flush other CPUs may use old translations, which harms nobody: the frames are the
 * client's until the caller goes on. A flush waits for all CPUs, and the guest's interrupts wait
 * meanwhile, so there is one behind the last piece, and others only when the tables taken out fill
 * their list.
 */
bool map_remove_client_pages(struct vcpu *vcpu, struct client *client)
{
	unsigned removed = 0;
	bool is_done;

	lock_take(&nested_lock);
	for (unsigned parts = 0;
	     client->state.pages && parts < PIECE_PARTS && removed < PIECE_PAGES; parts++) {
		client->position = page_set_resume(client->position) % PAGE_SET_END;
		removed += remove_in_part(vcpu, client);
	}
	is_done = !client->state.pages;
	if (is_done && client->is_stale)
		flush(vcpu);
	lock_give(&nested_lock);
	return !is_done;
}

/* The page has an entry of its own since it was added, so that this cannot fail. */
static void show(struct vcpu *vcpu, uint64_t gpa, uint64_t hpa, uint32_t rights)
{
	uint64_t before = nested_gpa_to_hpa(&machine.nested, gpa);

	nested_change(&machine.nested, gpa, hpa, rights);
	request_flush_page(vcpu, before);
}

static void show_itself(struct vcpu *vcpu, struct client *client, uint64_t *entry)
{
	uint64_t gpa = page_address_of(*entry);

	if (!(*entry & PAGE_SHOWS_OTHER))
		return;
	entry_write(entry, *entry & ~PAGE_SHOWS_OTHER);
	mapped_count--;
	client->state.mapped--;
	client->state.idle++;
	show(vcpu, gpa, gpa, PT_RIGHTS);
}

static void show_for_client(struct vcpu *vcpu, struct client *client, uint64_t *entry, uint64_t hpa,
			    uint32_t rights)
{
	client->state.idle -= is_idle(*entry);
	if (!(*entry & PAGE_SHOWS_OTHER)) {
		mapped_count++;
		client->state.mapped++;
	}
	client->state.maps++;
	entry_write(entry, *entry | PAGE_SHOWS_OTHER | PAGE_HAS_SHOWN);
	show(vcpu, page_address_of(*entry), hpa, rights);
}

int map_client_page(struct vcpu *vcpu, struct client *client, uint64_t gpa, uint64_t hpa)
{
	int err = hpa == gpa ? 0 : map_check_page(hpa);
	uint32_t rights = PT_READ | PT_WRITE;
	uint64_t *entry;

	/* The image's own memory looks as it does to everybody. */
	if (err == -EACCES) {
		hpa = memory_hidden_page();
		rights = PT_READ;
		err = 0;
	}
	if (err)
		return err;
	lock_take(&nested_lock);
	entry = page_set_find(gpa);
	if (!is_page_of(*entry, client))
		err = -ENOENT;
	else if (hpa == gpa)
		show_itself(vcpu, client, entry);
	else
		show_for_client(vcpu, client, entry, hpa, rights);
	lock_give(&nested_lock);
	return err;
}
