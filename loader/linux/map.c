// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Pages of user memory that show another physical page. A page stays pinned as long as it is
 * mapped, whatever its process does: it must show itself again before the kernel may reuse it.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <asm/io.h>

#include "call.h"
#include "loader.h"

struct mapping {
	struct list_head link;
	struct file *owner;
	u64 address;
	struct page *page;
	bool active;
};

static LIST_HEAD(mappings);
static DEFINE_MUTEX(mappings_lock);
static unsigned int active_count;

unsigned int mapped_pages(void)
{
	return READ_ONCE(active_count);
}

static struct mapping *mapping_find(struct file *owner, u64 address)
{
	struct mapping *mapping;

	list_for_each_entry(mapping, &mappings,
			    link) if (mapping->owner == owner &&
				      mapping->address == address) return mapping;
	return NULL;
}

/* Only memory that is nobody else's: what it shows must not appear in a file or another process. */
int pin_private_page(u64 address, struct page **page)
{
	int pinned = pin_user_pages_fast(address, 1, FOLL_WRITE | FOLL_LONGTERM, page);

	if (pinned != 1)
		return pinned < 0 ? pinned : -EFAULT;
	if (PageAnon(*page) && !PageHuge(*page))
		return 0;
	unpin_user_page(*page);
	return -EINVAL;
}

static int mapping_create(struct file *owner, const struct hadal_ioc_map *request)
{
	struct mapping *mapping;
	long result;

	if (mapping_find(owner, request->address))
		return -EEXIST;
	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return -ENOMEM;
	mapping->owner = owner;
	mapping->address = request->address;
	result = pin_private_page(request->address, &mapping->page);
	if (result) {
		kfree(mapping);
		return result;
	}
	result = hadal_call_fed(HADAL_CALL_MAP, page_to_phys(mapping->page), request->physical,
				request->flags, 0, 0);
	if (result) {
		unpin_user_page(mapping->page);
		kfree(mapping);
		return result;
	}
	mapping->active = true;
	active_count++;
	list_add(&mapping->link, &mappings);
	return 0;
}

static int mapping_deactivate(struct mapping *mapping)
{
	long result;

	if (!mapping->active)
		return 0;
	result = hadal_call(HADAL_CALL_UNMAP, page_to_phys(mapping->page), 0, 0, 0, 0);
	if (result)
		return result;
	mapping->active = false;
	active_count--;
	return 0;
}

static int mapping_destroy(struct mapping *mapping)
{
	int error = mapping_deactivate(mapping);

	list_del(&mapping->link);
	if (WARN_ONCE(error, "hadal: page of %#llx stays mapped and is lost: error %d\n",
		      mapping->address, error))
		mapping->page = NULL;
	else
		unpin_user_page(mapping->page);
	kfree(mapping);
	return error;
}

int map_page(struct file *owner, const struct hadal_ioc_map *request)
{
	int error;

	if (request->flags & ~HADAL_MAP_WRITE || !PAGE_ALIGNED(request->address) ||
	    !PAGE_ALIGNED(request->physical))
		return -EINVAL;
	mutex_lock(&mappings_lock);
	error = mapping_create(owner, request);
	mutex_unlock(&mappings_lock);
	return error;
}

int unmap_page(struct file *owner, const struct hadal_ioc_map *request)
{
	struct mapping *mapping;
	int error = -ENOENT;

	if (request->flags || !PAGE_ALIGNED(request->address))
		return -EINVAL;
	mutex_lock(&mappings_lock);
	mapping = mapping_find(owner, request->address);
	if (mapping)
		error = mapping_destroy(mapping);
	mutex_unlock(&mappings_lock);
	return error;
}

void unmap_all(struct file *owner)
{
	struct mapping *mapping, *next;

	mutex_lock(&mappings_lock);
	list_for_each_entry_safe(mapping, next, &mappings, link)
	{
		if (!owner)
			mapping_deactivate(mapping);
		else if (mapping->owner == owner)
			mapping_destroy(mapping);
	}
	mutex_unlock(&mappings_lock);
}
