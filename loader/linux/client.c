// SPDX-License-Identifier: MIT OR GPL-2.0
/* Programs that ask the hypervisor themselves: the mappings that let them in. */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <asm/io.h>
#include <asm/ptrace.h>

#include "call.h"
#include "client.h"
#include "compat.h"
#include "loader.h"

#define DOOR_BYTES (HADAL_DOOR_PAGES * PAGE_SIZE)
/* As much of a buffer as any answer fills. */
#define BUFFER_BYTES PAGE_SIZE

LIST_HEAD(clients);
/*
 * Guards everything of clients. Taken with mmap_lock held, so never the other way round; hadal_lock
 * comes before both.
 */
DEFINE_MUTEX(clients_lock);
static bool admitting;

struct client *client_of(const struct mm_struct *mm)
{
	struct client *client;

	list_for_each_entry(client, &clients,
			    link) if (client->active && client->mm == mm) return client;
	return NULL;
}

/* With KPTI a program runs on the upper one of two page tables. */
static u64 user_root(u64 kernel_root)
{
	return boot_cpu_has(X86_FEATURE_PTI) ? kernel_root + PAGE_SIZE : kernel_root;
}

static struct client *client_create(const struct vm_area_struct *door, const struct client *parent)
{
	struct mm_struct *mm = door->vm_mm;
	struct client *client;
	long result = -ENODEV;

	if (!admitting)
		return ERR_PTR(-ENODEV);
	if (client_of(mm))
		return ERR_PTR(-EEXIST);
	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return ERR_PTR(-ENOMEM);
	client->mm = mm;
	client->root = __pa(mm->pgd);
	client->device = door->vm_file;
	client->admits = parent ? parent->admits : 0;
	client->doors = 1;
	client->since = ktime_get_seconds();
	xa_init(&client->pages);
	result = parent ? client_inherit_pages(client, parent) : 0;
	if (!result)
		result = hadal_call(HADAL_CALL_CLIENT_ADD, client->root, user_root(client->root),
				    door->vm_start, 0, 0);
	if (result) {
		client_release_pages(client);
		kfree(client);
		return ERR_PTR(result);
	}
	client->active = true;
	list_add_tail(&client->link, &clients);
	return client;
}

/* Its pages show themselves again before the kernel gets them back. */
static void client_deactivate(struct client *client)
{
	long result;

	if (!client->active)
		return;
	client->active = false;
	while ((result = hadal_call(HADAL_CALL_CLIENT_REMOVE, client->root, 0, 0, 0, 0)) > 0)
		cond_resched();
	if (!WARN_ONCE(result && result != -ENODEV,
		       "hadal: a program that has ended stays a client, and its pages are lost: "
		       "error %ld\n",
		       result))
		client_release_pages(client);
}

/* A fork, or mremap(), which is refused afterwards. */
static void door_open(struct vm_area_struct *vma)
{
	struct client *client = vma->vm_private_data;

	mutex_lock(&clients_lock);
	if (client && client->mm == vma->vm_mm) {
		client->doors++;
	} else if (client) {
		client = client->active ? client_create(vma, client) : NULL;
		/* Who cannot be admitted sees no hypervisor. */
		vma->vm_private_data = IS_ERR(client) ? NULL : client;
	}
	mutex_unlock(&clients_lock);
}

static void door_close(struct vm_area_struct *vma)
{
	struct client *client = vma->vm_private_data;

	mutex_lock(&clients_lock);
	if (client && !--client->doors) {
		client_deactivate(client);
		list_del(&client->link);
		kfree(client);
	}
	mutex_unlock(&clients_lock);
}

static int door_may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static int door_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static void call_complete(struct pt_regs *regs, unsigned long status)
{
	regs->ax = status;
	regs->ip += HADAL_CLIENT_CALL_BYTES;
}

/* Of an address of the current process; -EFAULT when it has none. */
static long translate(u64 address, unsigned long *physical)
{
	struct hadal_translation *out = (void *)get_zeroed_page(GFP_KERNEL);
	long result;

	if (!out)
		return -ENOMEM;
	result = hadal_call(HADAL_CALL_TRANSLATE, address, HADAL_ROOT_CURRENT, virt_to_phys(out),
			    sizeof(*out), 0);
	if (!result)
		result = out->result;
	if (!result)
		*physical = out->physical;
	free_page((unsigned long)out);
	return result;
}

/* A page that cannot be made known is translated all the same: the client may not map it. */
static void serve_translate(struct pt_regs *regs)
{
	u64 frame;

	if (!client_hold_page(regs->di, 0, &frame)) {
		regs->di = frame | offset_in_page(regs->di);
		call_complete(regs, 0);
	} else {
		call_complete(regs, !!translate(regs->di, &regs->di));
	}
}

/* Makes the first BUFFER_BYTES of a buffer present, and with FOLL_WRITE writable; it is not
 * changed. */
static bool buffer_present(u64 address, u64 bytes, unsigned int flags)
{
	u64 end = offset_in_page(address) + min_t(u64, bytes, BUFFER_BYTES);
	int count = DIV_ROUND_UP(end, PAGE_SIZE);
	struct page *pages[2];
	int pinned = pin_user_pages_fast(address & PAGE_MASK, count, flags, pages);

	if (pinned > 0)
		unpin_user_pages(pages, pinned);
	return pinned == count;
}

static void serve_map(struct pt_regs *regs, u64 physical)
{
	u64 frame;
	int result = client_hold_page(regs->di, physical, &frame);

	if (result)
		call_complete(regs, result != 1);
}

static void serve(enum hadal_door door)
{
	struct pt_regs *regs = task_pt_regs(current);

	switch (door) {
	case HADAL_DOOR_TRANSLATE:
		serve_translate(regs);
		break;
	case HADAL_DOOR_MAP:
		serve_map(regs, regs->si);
		break;
	case HADAL_DOOR_MAP_FRAME:
		serve_map(regs, (u64)regs->bx << PAGE_SHIFT);
		break;
	default:
		if (!buffer_present(regs->di, regs->si, door == HADAL_DOOR_SOURCE ? 0 : FOLL_WRITE))
			call_complete(regs, 1);
	}
}

/* A program that reads its door itself finds nothing there. */
static bool is_at_call(void)
{
	struct pt_regs *regs = task_pt_regs(current);
	u8 code[HADAL_CLIENT_CALL_BYTES];

	if (!user_64bit_mode(regs))
		return false;
	if (copy_from_user_nofault(code, (void __user *)regs->ip, sizeof(code)))
		return true; /* paged out just now; the hypervisor has seen it */
	return code[0] == 0x0f && code[1] == 0x01 && (code[2] == 0xc1 || code[2] == 0xd9);
}

static vm_fault_t door_fault(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	enum hadal_door door = vmf->pgoff;

	if (vmf->flags & FAULT_FLAG_TRIED)
		return VM_FAULT_NOPAGE; /* served; back to the program */
	if (mm != current->mm || !(vmf->flags & FAULT_FLAG_USER) ||
	    !(vmf->flags & FAULT_FLAG_ALLOW_RETRY) || (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) ||
	    !is_at_call())
		return VM_FAULT_SIGBUS;
	mmap_read_unlock(mm);
	serve(door);
	return VM_FAULT_RETRY;
}

static const struct vm_operations_struct door_operations = {
	.open = door_open,
	.close = door_close,
	.may_split = door_may_split,
	.mremap = door_mremap,
	.fault = door_fault,
};

int door_map(struct file *file, struct vm_area_struct *vma)
{
	struct client *client;

	if (!(vma->vm_flags & VM_SHARED) || (vma->vm_flags & (VM_WRITE | VM_EXEC)) ||
	    vma->vm_end - vma->vm_start != DOOR_BYTES || vma->vm_pgoff)
		return -EINVAL;
	mutex_lock(&clients_lock);
	client = client_create(vma, NULL);
	mutex_unlock(&clients_lock);
	if (IS_ERR(client))
		return PTR_ERR(client);
	vm_flags_set(vma, VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	vm_flags_clear(vma, VM_MAYWRITE | VM_MAYEXEC);
	vma->vm_private_data = client;
	vma->vm_ops = &door_operations;
	return 0;
}

int client_admit_current(struct file *device, u32 admits)
{
	unsigned long address = vm_mmap(device, 0, DOOR_BYTES, PROT_READ, MAP_SHARED, 0);
	long result = IS_ERR_VALUE(address) ? (long)address : 0;
	struct client *client;

	if (!admits || (result && result != -EEXIST))
		return result;
	mutex_lock(&clients_lock);
	client = client_of(current->mm);
	if (client)
		client->admits = admits;
	mutex_unlock(&clients_lock);
	return client ? 0 : -ENODEV;
}

struct admission {
	struct work_struct work;
	struct mm_struct *mm;
	struct file *file;
	u32 flags;
	int result;
};

/* A kernel thread borrows the address space, for only its user can map into it. */
static void admit_work(struct work_struct *work)
{
	struct admission *admission = container_of(work, struct admission, work);

	kthread_use_mm(admission->mm);
	admission->result = client_admit_current(admission->file, admission->flags);
	kthread_unuse_mm(admission->mm);
}

/* Of a process, to be put back: 0, -ESRCH, -EINVAL. */
static int find_mm(int pid, struct mm_struct **mm)
{
	struct pid *id = find_get_pid(pid);
	struct task_struct *task = get_pid_task(id, PIDTYPE_PID);

	put_pid(id);
	if (!task)
		return -ESRCH;
	*mm = get_task_mm(task);
	put_task_struct(task);
	return *mm ? 0 : -EINVAL;
}

int client_root(struct hadal_ioc_root *request)
{
	struct mm_struct *mm;
	int result = find_mm(request->pid, &mm);

	if (result)
		return result;
	request->root = __pa(mm->pgd);
	mmput(mm);
	return 0;
}

int client_admit(struct file *file, const struct hadal_ioc_admit *request)
{
	struct admission admission = {.file = file, .flags = request->flags};
	int result;

	if (request->flags > HADAL_ADMIT_ALL || request->reserved)
		return -EINVAL;
	result = find_mm(request->pid, &admission.mm);
	if (result)
		return result;
	INIT_WORK_ONSTACK(&admission.work, admit_work);
	queue_work(system_unbound_wq, &admission.work);
	flush_work(&admission.work);
	destroy_work_on_stack(&admission.work);
	mmput(admission.mm);
	return admission.result;
}

void clients_open(void)
{
	mutex_lock(&clients_lock);
	admitting = true;
	mutex_unlock(&clients_lock);
}

void clients_close(void)
{
	struct client *client;

	mutex_lock(&clients_lock);
	admitting = false;
	list_for_each_entry(client, &clients, link) client_deactivate(client);
	mutex_unlock(&clients_lock);
}

void client_state(const struct client *client, struct hadal_client *state)
{
	struct hadal_client *page = (void *)get_zeroed_page(GFP_KERNEL);

	memset(state, 0, sizeof(*state));
	if (!page)
		return;
	if (!hadal_call(HADAL_CALL_CLIENT_STATE, client->root, virt_to_phys(page), sizeof(*page), 0,
			0))
		*state = *page;
	free_page((unsigned long)page);
}

u64 clients_mapped_pages(void)
{
	struct hadal_client state;
	struct client *client;
	u64 mapped = 0;

	mutex_lock(&clients_lock);
	clients_sweep(false);
	list_for_each_entry(client, &clients, link)
	{
		if (!client->active)
			continue;
		client_state(client, &state);
		mapped += state.mapped;
	}
	mutex_unlock(&clients_lock);
	return mapped;
}

/* Whose address space it is now; a client does not know, for it may be a fork's. */
static void client_name(const struct client *client, struct hadal_client_info *info)
{
	struct task_struct *task;

	rcu_read_lock();
	for_each_process(task)
	{
		if (READ_ONCE(task->mm) != client->mm)
			continue;
		info->pid = task_tgid_vnr(task);
		memcpy(info->name, task->comm, sizeof(info->name));
		info->name[sizeof(info->name) - 1] = 0;
		break;
	}
	rcu_read_unlock();
}

static int client_describe(const struct client *client, struct hadal_client_info __user *user)
{
	struct hadal_client_info info = {.seconds = ktime_get_seconds() - client->since};

	client_state(client, &info.state);
	client_name(client, &info);
	return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
}

/* The mutex is let go for each, because writing to the user takes mmap_lock. */
static struct client *client_nth(unsigned int n, struct client *copy)
{
	struct client *client;

	mutex_lock(&clients_lock);
	list_for_each_entry(client, &clients, link)
	{
		if (client->active && !n--) {
			*copy = *client;
			mutex_unlock(&clients_lock);
			return copy;
		}
	}
	mutex_unlock(&clients_lock);
	return NULL;
}

int clients_list(struct hadal_ioc_clients *request)
{
	struct hadal_client_info __user *user = u64_to_user_ptr(request->buffer);
	u32 room = request->count;
	struct client client;
	int error = 0;

	mutex_lock(&clients_lock);
	clients_sweep(false);
	mutex_unlock(&clients_lock);
	request->count = 0;
	while (!error && request->count < room && client_nth(request->count, &client)) {
		error = client_describe(&client, user + request->count);
		request->count++;
	}
	return error;
}
