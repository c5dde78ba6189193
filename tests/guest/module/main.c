// SPDX-License-Identifier: MIT OR GPL-2.0
/* hadal_test.ko: lets a test program execute hypercalls in ring 0. */
#include <linux/capability.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/processor.h>

#include "act.h"
#include "hadal_test.h"
#include "storm.h"
#include "text.h"

static struct file *storm_file; /* whose end is that of the storm */

static int test_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	file->private_data = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO | __GFP_COMP,
						      HADAL_TEST_ARENA_ORDER);
	return file->private_data ? 0 : -ENOMEM;
}

static int test_release(struct inode *inode, struct file *file)
{
	if (file == storm_file) {
		storm_end();
		storm_file = NULL;
	}
	free_pages((unsigned long)file->private_data, HADAL_TEST_ARENA_ORDER);
	return 0;
}

static int test_mmap(struct file *file, struct vm_area_struct *area)
{
	unsigned long bytes = area->vm_end - area->vm_start;

	if (area->vm_pgoff || bytes != HADAL_TEST_ARENA_BYTES)
		return -EINVAL;
	return remap_pfn_range(area, area->vm_start, virt_to_phys(file->private_data) >> PAGE_SHIFT,
			       bytes, area->vm_page_prot);
}

static long execute(struct hadal_test_call __user *user)
{
	bool vmcall = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
	struct hadal_test_call call;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (call.instruction == HADAL_TEST_OTHER)
		vmcall = !vmcall;
	/* A process may be moved to another CPU between its calls, but not within one. */
	preempt_disable();
	call.trapped = vmcall ? execute_vmcall(&call.registers) : execute_vmmcall(&call.registers);
	preempt_enable();
	return copy_to_user(user, &call, sizeof(call)) ? -EFAULT : 0;
}

static long tell_arena(struct file *file, struct hadal_test_arena __user *user)
{
	struct hadal_test_arena arena = {
		.physical = virt_to_phys(file->private_data),
		.kernel_virtual = (unsigned long)file->private_data,
	};

	return copy_to_user(user, &arena, sizeof(arena)) ? -EFAULT : 0;
}

static long act(struct hadal_test_act __user *user)
{
	struct hadal_test_act request;
	unsigned long flags;
	long result;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	local_irq_save(flags);
	result = test_act(&request);
	local_irq_restore(flags);
	return result ? result : copy_to_user(user, &request, sizeof(request)) ? -EFAULT : 0;
}

static long ask_storm(struct file *file, struct hadal_test_storm __user *user)
{
	struct hadal_test_storm request;
	long error;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	error = storm(&request);
	if (!error && request.hz)
		storm_file = file;
	return !error && copy_to_user(user, &request, sizeof(request)) ? -EFAULT : error;
}

static long text(struct hadal_test_text __user *user)
{
	struct hadal_test_text request;
	long error;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	error = test_text(&request);
	return !error && copy_to_user(user, &request, sizeof(request)) ? -EFAULT : error;
}

static long send_ipi(const struct hadal_test_ipi __user *user)
{
	struct hadal_test_ipi ipi;

	if (copy_from_user(&ipi, user, sizeof(ipi)))
		return -EFAULT;
	if (ipi.cpu >= nr_cpu_ids || !cpu_possible(ipi.cpu))
		return -EINVAL;
	preempt_disable();
	apic->icr_write(ipi.what, per_cpu(x86_cpu_to_apicid, ipi.cpu));
	preempt_enable();
	return 0;
}

static long test_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case HADAL_TEST_CALL:
		return execute((void __user *)argument);
	case HADAL_TEST_ARENA:
		return tell_arena(file, (void __user *)argument);
	case HADAL_TEST_ACT:
		return act((void __user *)argument);
	case HADAL_TEST_STORM:
		return ask_storm(file, (void __user *)argument);
	case HADAL_TEST_TEXT:
		return text((void __user *)argument);
	case HADAL_TEST_IPI:
		return send_ipi((void __user *)argument);
	}
	return -ENOTTY;
}

static const struct file_operations test_operations = {
	.owner = THIS_MODULE,
	.open = test_open,
	.release = test_release,
	.mmap = test_mmap,
	.unlocked_ioctl = test_ioctl,
};

static struct miscdevice test_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hadal_test",
	.mode = 0600,
	.fops = &test_operations,
};

module_misc_device(test_device);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("Executes hypercalls in ring 0 for Hadal's tests");
