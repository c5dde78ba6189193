// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The memory window: all RAM once more, read-only, in a part of the physical address space that the
 * kernel keeps free for it. Page tables of its users are filled when they touch it.
 *
 * Locks: hadal_lock, mmap_lock, window_lock, in this order.
 */
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <asm/processor.h>

#include "call.h"
#include "compat.h"
#include "loader.h"

/* As far as nested page tables of 4 levels reach. */
#define MAX_BITS 48u
/* How much one page fault maps. */
#define FAULT_BYTES SZ_2M

struct holder {
	struct list_head link;
	struct file *file;
};

static DEFINE_MUTEX(window_lock);
static LIST_HEAD(holders);
/* Its parent is set while the window is open. */
static struct resource window = {.name = "Hadal memory window", .flags = IORESOURCE_MEM};

static bool is_open(void)
{
	return window.parent;
}

bool window_in_use(void)
{
	return !list_empty(&holders);
}

/* The upper half of the address space is the least likely to be wanted for a device. */
static int find_room(u64 bytes)
{
	u64 end = 1ull << min_t(unsigned int, boot_cpu_data.x86_phys_bits, MAX_BITS);
	u64 least = max_t(u64, bytes, SZ_4G);

	window.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	if (!allocate_resource(&iomem_resource, &window, bytes, max(end / 2, least), end - 1, SZ_1G,
			       NULL, NULL))
		return 0;
	if (!allocate_resource(&iomem_resource, &window, bytes, least, end - 1, SZ_1G, NULL, NULL))
		return 0;
	return -EOPNOTSUPP;
}

static int window_open(void)
{
	int error = find_room(ALIGN(ram_end(), SZ_1G));

	if (error)
		return error;
	error = hadal_call_fed(HADAL_CALL_WINDOW, window.start, 0, 0, 0, 0);
	if (error)
		release_resource(&window);
	return error;
}

static void window_close(void)
{
	long error = hadal_call(HADAL_CALL_WINDOW, 0, 0, 0, 0, 0);

	WARN_ONCE(error, "hadal: the memory window stays open: error %ld\n", error);
	release_resource(&window);
}

static struct holder *holder_find(struct file *file)
{
	struct holder *holder;

	list_for_each_entry(holder, &holders, link) if (holder->file == file) return holder;
	return NULL;
}

static int hold_locked(struct file *file)
{
	struct holder *holder;
	int error;

	if (holder_find(file))
		return 0;
	holder = kzalloc(sizeof(*holder), GFP_KERNEL_ACCOUNT);
	if (!holder)
		return -ENOMEM;
	error = is_open() ? 0 : window_open();
	if (error) {
		kfree(holder);
		return error;
	}
	holder->file = file;
	list_add(&holder->link, &holders);
	return 0;
}

int window_hold(struct file *file)
{
	int error;

	mutex_lock(&window_lock);
	error = hold_locked(file);
	mutex_unlock(&window_lock);
	return error;
}

/* The file has no mappings any more, for they would keep it. */
void window_release(struct file *file)
{
	struct holder *holder;

	mutex_lock(&window_lock);
	holder = holder_find(file);
	if (holder) {
		list_del(&holder->link);
		kfree(holder);
		if (list_empty(&holders) && is_open())
			window_close();
	}
	mutex_unlock(&window_lock);
}

void window_revoke(void)
{
	struct holder *holder;

	mutex_lock(&window_lock);
	if (is_open()) {
		list_for_each_entry(holder, &holders, link)
			unmap_mapping_range(holder->file->f_mapping, HADAL_WINDOW_OFFSET, 0, 1);
		window_close();
	}
	mutex_unlock(&window_lock);
}

struct filling {
	struct vm_area_struct *vma;
	u64 offset; /* physical minus virtual address */
};

/* Not through remap_pfn_range(), which would make uncached what is no RAM to the kernel. */
static int fill_entry(pte_t *entry, unsigned long address, void *context)
{
	const struct filling *filling = context;
	struct vm_area_struct *vma = filling->vma;
	unsigned long frame = (filling->offset + address) >> PAGE_SHIFT;

	if (pte_none(*entry))
		set_pte_at(vma->vm_mm, address, entry,
			   pte_mkspecial(pfn_pte(frame, vma->vm_page_prot)));
	return 0;
}

static vm_fault_t window_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long start = max(vma->vm_start, ALIGN_DOWN(vmf->address, FAULT_BYTES));
	unsigned long end = min(vma->vm_end, ALIGN_DOWN(vmf->address, FAULT_BYTES) + FAULT_BYTES);
	struct filling filling = {.vma = vma};
	vm_fault_t result = VM_FAULT_SIGBUS;

	mutex_lock(&window_lock);
	if (is_open()) {
		filling.offset = window.start + ((u64)vma->vm_pgoff << PAGE_SHIFT) -
				 HADAL_WINDOW_OFFSET - vma->vm_start;
		result = apply_to_page_range(vma->vm_mm, start, end - start, fill_entry, &filling)
				 ? VM_FAULT_OOM
				 : VM_FAULT_NOPAGE;
	}
	mutex_unlock(&window_lock);
	return result;
}

static const struct vm_operations_struct window_operations = {.fault = window_fault};

int window_map(struct file *file, struct vm_area_struct *vma)
{
	u64 start = ((u64)vma->vm_pgoff << PAGE_SHIFT) - HADAL_WINDOW_OFFSET;
	u64 bytes = vma->vm_end - vma->vm_start;
	int error = 0;

	if (vma->vm_flags & (VM_WRITE | VM_EXEC))
		return -EACCES;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&window_lock);
	if (!is_open() || !holder_find(file))
		error = -ENODEV;
	else if (!ram_has(start, start + bytes) || start + bytes > resource_size(&window))
		error = -ENXIO;
	mutex_unlock(&window_lock);
	if (error)
		return error;
	/* A child would keep it open, and a core file must not have all memory in it. */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_ops = &window_operations;
	return 0;
}
