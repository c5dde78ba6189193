// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The pages of clients that may show others. The hypervisor exchanges what a frame shows without
 * asking the kernel, so each is pinned from before the client learns its address until after it
 * shows itself again: pinned pages are not moved, merged or swapped out, and a fork copies them.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <asm/io.h>

#include "call.h"
#include "client.h"
#include "loader.h"

/* Linux 6.12 no longer counts how often, only whether. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define page_mapcount(page) folio_mapped(page_folio(page))
#endif

static void page_unpin(struct client_page *known)
{
	if (known->page)
		unpin_user_pages_dirty_lock(&known->page, 1, true);
	kfree(known);
}

/* flags: HADAL_PAGE_*. Returns an error when the hypervisor keeps it. */
static int page_drop(struct client *client, unsigned long index, u64 flags)
{
	struct client_page *known = xa_load(&client->pages, index);
	long result = 0;

	if (known->page)
		result = hadal_call(HADAL_CALL_CLIENT_PAGE_REMOVE, client->root, known->physical,
				    flags, 0, 0);
	if (result)
		return result;
	xa_erase(&client->pages, index);
	page_unpin(known);
	return 0;
}

static void client_sweep(struct client *client, bool idle_too)
{
	struct client_page *known;
	struct hadal_client state;
	unsigned long index;

	client_state(client, &state);
	xa_for_each(&client->pages, index, known)
	{
		bool gone = known->page && !page_mapcount(known->page);

		if (gone || (known->page && idle_too && state.idle))
			page_drop(client, index, gone ? 0 : HADAL_PAGE_IDLE);
	}
}

void clients_sweep(bool idle_too)
{
	struct client *client;

	list_for_each_entry(client, &clients, link) if (client->active)
		client_sweep(client, idle_too);
}

/* The page is known under another address, from which it was moved by mremap(). */
static void page_drop_moved(struct client *client, const struct page *page)
{
	struct client_page *known;
	unsigned long index;

	xa_for_each(&client->pages, index, known) if (known->page == page)
		page_drop(client, index, 0);
}

static int page_announce(struct client *client, struct page *page)
{
	unsigned int tries;
	long result = 0;

	for (tries = 0; tries < 2; tries++) {
		if (result == -EEXIST)
			page_drop_moved(client, page);
		else if (result)
			clients_sweep(true);
		result = hadal_call_fed(HADAL_CALL_CLIENT_PAGE_ADD, client->root,
					page_to_phys(page), 0, 0, 0);
		if (result != -EEXIST && result != -ENOSPC && result != -ENOMEM)
			break;
	}
	return result;
}

/* Takes over the pin when it returns 0. */
static int page_add(struct client *client, unsigned long index, struct page *page)
{
	struct client_page *known = kmalloc(sizeof(*known), GFP_KERNEL);
	int error;

	if (!known)
		return -ENOMEM;
	known->page = page;
	known->physical = page_to_phys(page);
	error = page_announce(client, page);
	if (error) {
		kfree(known);
		return error;
	}
	error = xa_err(xa_store(&client->pages, index, known, GFP_KERNEL));
	if (error) {
		hadal_call(HADAL_CALL_CLIENT_PAGE_REMOVE, client->root, known->physical, 0, 0, 0);
		kfree(known);
	}
	return error;
}

static int hold_locked(struct client *client, u64 address, u64 physical, struct page *page)
{
	unsigned long index = address >> PAGE_SHIFT;
	struct client_page *known = xa_load(&client->pages, index);
	bool is_restore;

	if (known && known->page == page)
		return -EALREADY;
	if (known) {
		/* The address has got another frame than the client knows: nothing to restore. */
		is_restore = physical && known->physical == physical;
		page_drop(client, index, 0);
		if (is_restore)
			return 1;
	}
	return page_add(client, index, page);
}

int client_hold_page(u64 address, u64 physical, u64 *frame)
{
	struct client *client;
	struct page *page;
	int result = pin_private_page(address & PAGE_MASK, &page);

	if (result)
		return result;
	*frame = page_to_phys(page);
	mutex_lock(&clients_lock);
	client = client_of(current->mm);
	result = client ? hold_locked(client, address, physical, page) : -ENODEV;
	mutex_unlock(&clients_lock);
	if (result)
		unpin_user_page(page);
	return result == -EALREADY ? 0 : result;
}

int client_inherit_pages(struct client *child, const struct client *parent)
{
	struct client_page *known, *copy;
	unsigned long index;
	int error;

	xa_for_each((struct xarray *)&parent->pages, index, known)
	{
		copy = kmalloc(sizeof(*copy), GFP_KERNEL);
		if (!copy)
			return -ENOMEM;
		*copy = (struct client_page){.physical = known->physical};
		error = xa_err(xa_store(&child->pages, index, copy, GFP_KERNEL));
		if (error) {
			kfree(copy);
			return error;
		}
	}
	return 0;
}

void client_release_pages(struct client *client)
{
	struct client_page *known;
	unsigned long index;

	xa_for_each(&client->pages, index, known) page_unpin(known);
	xa_destroy(&client->pages);
}
