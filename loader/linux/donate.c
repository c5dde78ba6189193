// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Memory for the image while it runs: given when a call finds its pool empty, and taken back when
 * nothing is in it any more.
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <asm/io.h>

#include "call.h"
#include "loader.h"

/* 2 MiB, which takes one table to hide; less when there is no block of that size. */
#define MOST_ORDER  9
#define LEAST_ORDER 4

struct donation {
	struct list_head link;
	struct page *page;
	unsigned int order;
};

static LIST_HEAD(donations);
static DEFINE_MUTEX(donations_lock);

static long tell(enum hadal_call call, const struct donation *donation)
{
	u64 start = page_to_phys(donation->page);

	return hadal_call(call, start, start + (PAGE_SIZE << donation->order), 0, 0,
			  hadal_boot_data()->key);
}

static bool allocate(struct donation *donation)
{
	for (donation->order = MOST_ORDER; donation->order >= LEAST_ORDER; donation->order--) {
		donation->page = alloc_pages(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN | __GFP_NORETRY,
					     donation->order);
		if (donation->page)
			return true;
	}
	return false;
}

static void forget(struct donation *donation)
{
	list_del(&donation->link);
	__free_pages(donation->page, donation->order);
	kfree(donation);
}

bool pool_feed(void)
{
	struct donation *donation;
	long error;

	/* One that was there before this system takes nothing from it: its key is not known here.
	 */
	if (!hadal_boot_data())
		return false;
	donation = kmalloc(sizeof(*donation), GFP_KERNEL);
	if (!donation)
		return false;
	if (!allocate(donation)) {
		kfree(donation);
		return false;
	}
	mutex_lock(&donations_lock);
	list_add(&donation->link, &donations);
	error = tell(HADAL_CALL_DONATE, donation);
	if (error)
		forget(donation);
	mutex_unlock(&donations_lock);
	return !error;
}

void pool_take_back(void)
{
	struct donation *donation, *next;

	mutex_lock(&donations_lock);
	list_for_each_entry_safe(donation, next, &donations,
				 link) if (!tell(HADAL_CALL_RECLAIM, donation)) forget(donation);
	mutex_unlock(&donations_lock);
}

void pool_free(bool in_use)
{
	struct donation *donation, *next;

	mutex_lock(&donations_lock);
	list_for_each_entry_safe(donation, next, &donations, link)
	{
		if (!in_use) {
			forget(donation);
			continue;
		}
		list_del(&donation->link);
		kfree(donation);
	}
	mutex_unlock(&donations_lock);
}
