// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Memory that is plugged in or taken out while Hadal runs: the image is told.
 *
 * Not under hadal_lock, which a start holds while it waits for CPU hotplug, and which memory
 * hotplug keeps from happening. Locks: window_lock, ram_lock.
 */
#include <linux/gfp.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/io.h>

#include "call.h"
#include "loader.h"

static DEFINE_MUTEX(ram_lock);
/* What the image knows; its key is not 0 while it wants to be told. */
static struct {
	u64 key;
	u32 count;
	struct hadal_range range[HADAL_MAX_RAM_RANGES];
} known;

/* What the image makes of it all is the truth. */
static void learn(void)
{
	struct hadal_range *range = alloc_pages_exact(sizeof(known.range), GFP_KERNEL);
	long count = -ENOMEM;

	if (range)
		count = hadal_call(HADAL_CALL_RAM, virt_to_phys(range), sizeof(known.range), 0, 0,
				   0);
	if (count >= 0 && count <= HADAL_MAX_RAM_RANGES) {
		known.count = count;
		memcpy(known.range, range, count * sizeof(*range));
	} else {
		pr_warn("hadal: the memory window cannot follow a change of RAM\n");
	}
	if (range)
		free_pages_exact(range, sizeof(known.range));
}

static void tell(enum hadal_call call, u64 start, u64 end)
{
	long error = hadal_call_fed(call, start, end, 0, 0, known.key);

	if (error)
		pr_warn("hadal: RAM %#llx to %#llx %s: error %ld\n", start, end,
			call == HADAL_CALL_RAM_ADD ? "is not known to Hadal"
						   : "still counts as RAM to Hadal",
			error);
}

static int tell_of_resource(struct resource *resource, void *context)
{
	u64 start = PAGE_ALIGN(resource->start), end = (resource->end + 1) & PAGE_MASK;

	if (start < end)
		tell(HADAL_CALL_RAM_ADD, start, end);
	return 0;
}

int ram_walk(void *context, int (*visit)(struct resource *, void *))
{
	return walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0, -1,
				   context, visit);
}

void ram_follow(u64 key)
{
	mutex_lock(&ram_lock);
	known.key = key;
	known.count = 0;
	/* What came while Hadal started, too. */
	if (key) {
		ram_walk(NULL, tell_of_resource);
		learn();
	}
	mutex_unlock(&ram_lock);
}

void ram_learn(void)
{
	mutex_lock(&ram_lock);
	learn();
	mutex_unlock(&ram_lock);
}

int ram_list(struct hadal_ioc_ram *request)
{
	u32 room = request->count;
	int error = 0;

	mutex_lock(&ram_lock);
	request->count = known.count;
	if (copy_to_user(u64_to_user_ptr(request->buffer), known.range,
			 min(room, known.count) * sizeof(known.range[0])))
		error = -EFAULT;
	mutex_unlock(&ram_lock);
	return error;
}

u64 ram_end(void)
{
	u64 end;

	mutex_lock(&ram_lock);
	end = known.count ? known.range[known.count - 1].end : 0;
	mutex_unlock(&ram_lock);
	return end;
}

bool ram_has(u64 start, u64 end)
{
	bool found = false;
	u32 i;

	mutex_lock(&ram_lock);
	for (i = 0; !found && i < known.count; i++)
		found = start >= known.range[i].start && start < end && end <= known.range[i].end;
	mutex_unlock(&ram_lock);
	return found;
}

static void change(enum hadal_call call, u64 start, u64 end)
{
	mutex_lock(&ram_lock);
	if (known.key) {
		tell(call, start, end);
		learn();
	}
	mutex_unlock(&ram_lock);
}

/* Before the kernel uses it, and when it does not any more. */
static int on_memory(struct notifier_block *block, unsigned long action, void *data)
{
	const struct memory_notify *notify = data;
	u64 start = PFN_PHYS(notify->start_pfn);
	u64 end = start + PFN_PHYS(notify->nr_pages);

	switch (action) {
	case MEM_GOING_ONLINE:
		change(HADAL_CALL_RAM_ADD, start, end);
		break;
	case MEM_OFFLINE:
	case MEM_CANCEL_ONLINE:
		window_revoke();
		change(HADAL_CALL_RAM_REMOVE, start, end);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block memory_block = {.notifier_call = on_memory};

int ram_register(void)
{
	return register_memory_notifier(&memory_block);
}

void ram_unregister(void)
{
	unregister_memory_notifier(&memory_block);
}
