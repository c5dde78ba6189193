// SPDX-License-Identifier: MIT OR GPL-2.0
/* /dev/hadal: checks what a client asks and passes it on. */
#include <linux/capability.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <asm/io.h>

#include "call.h"
#include "client.h"
#include "loader.h"

static int hadal_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static int hadal_release(struct inode *inode, struct file *file)
{
	down_read(&hadal_lock);
	unmap_all(file);
	window_release(file);
	events_release(file);
	resume_all(file);
	if (hadal_started())
		pool_take_back();
	up_read(&hadal_lock);
	return 0;
}

static long ioctl_start(struct hadal_ioc_start *request)
{
	struct outcome outcome = {.cpu = -1};
	int error = request->reserved
			    ? -EINVAL
			    : hadal_start(request->flags, request->trial_seconds, &outcome);

	BUILD_BUG_ON(sizeof(outcome.reason) != sizeof(request->reason));
	request->cpu = outcome.cpu;
	memcpy(request->reason, outcome.reason, sizeof(request->reason));
	return error;
}

static long ioctl_stop(struct hadal_ioc_stop *request)
{
	struct outcome outcome = {.cpu = -1};
	int error = hadal_stop(&outcome);

	BUILD_BUG_ON(sizeof(outcome.reason) != sizeof(request->reason));
	request->cpu = outcome.cpu;
	memcpy(request->reason, outcome.reason, sizeof(request->reason));
	return error;
}

static long ioctl_check(struct hadal_ioc_check *request)
{
	struct outcome outcome = {.cpu = -1};
	int error = hadal_check(&outcome);

	request->cpu = outcome.cpu;
	memcpy(request->reason, outcome.reason, sizeof(request->reason));
	return error;
}

static long ioctl_state(struct hadal_ioc_state *state)
{
	state->version = HADAL_ABI_VERSION;
	state->running = hadal_started();
	state->cpu_count = nr_cpu_ids;
	state->cpu_running = cpus_running();
	state->locked = hadal_started() && hadal_locked();
	state->trial_seconds = hadal_trial_seconds();
	return 0;
}

/* The hypervisor fills a page, of which the client gets its struct. */
static long ioctl_get(unsigned int command, const struct hadal_ioc_get *request)
{
	unsigned long page;
	u64 physical, size;
	long result;

	switch (command) {
	case HADAL_IOC_INFO:
		size = sizeof(struct hadal_info);
		break;
	case HADAL_IOC_REGS:
		size = sizeof(struct hadal_regs);
		break;
	case HADAL_IOC_FIRST:
		size = sizeof(struct hadal_first);
		break;
	default:
		size = sizeof(struct hadal_stats);
	}
	if (request->size != size)
		return -EINVAL;
	page = get_zeroed_page(GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	physical = virt_to_phys((void *)page);
	if (command == HADAL_IOC_INFO || command == HADAL_IOC_FIRST)
		result = hadal_call(command == HADAL_IOC_INFO ? HADAL_CALL_INFO : HADAL_CALL_FIRST,
				    physical, size, 0, 0, 0);
	else
		result = hadal_call(command == HADAL_IOC_REGS ? HADAL_CALL_REGS : HADAL_CALL_STATS,
				    request->cpu, physical, size, 0, 0);
	if (!result && copy_to_user(u64_to_user_ptr(request->buffer), (void *)page, size))
		result = -EFAULT;
	free_page(page);
	return result;
}

static long ioctl_translate(struct hadal_ioc_translate *request)
{
	struct hadal_translation *out;
	long result;

	if (request->flags & ~(HADAL_MEM_LA57 | HADAL_MEM_LA48) ||
	    request->flags == (HADAL_MEM_LA57 | HADAL_MEM_LA48))
		return -EINVAL;
	out = (void *)get_zeroed_page(GFP_KERNEL);
	if (!out)
		return -ENOMEM;
	result = hadal_call(HADAL_CALL_TRANSLATE, request->address, request->root,
			    virt_to_phys(out), sizeof(*out), request->flags);
	if (!result)
		request->out = *out;
	free_page((unsigned long)out);
	return result;
}

static long ioctl_own(struct hadal_ioc_own *request)
{
	request->start = request->index;
	return hadal_call_pair(HADAL_CALL_OWN, &request->start, &request->end, 0, 0, 0);
}

union request {
	u32 version;
	struct hadal_ioc_start start;
	struct hadal_ioc_stop stop;
	struct hadal_ioc_state state;
	struct hadal_ioc_memory memory;
	struct hadal_ioc_get get;
	struct hadal_ioc_ram ram;
	struct hadal_ioc_own own;
	struct hadal_ioc_translate translate;
	struct hadal_ioc_map map;
	struct hadal_ioc_log log;
	struct hadal_ioc_admit admit;
	struct hadal_ioc_root root;
	struct hadal_ioc_clients clients;
	struct hadal_ioc_window window;
	struct hadal_ioc_pause pause;
	struct hadal_ioc_set_regs set_regs;
	struct hadal_ioc_events_open events_open;
	struct hadal_ioc_subscribe subscribe;
	struct hadal_ioc_event_answer event_answer;
	struct hadal_ioc_view view;
	struct hadal_ioc_keep keep;
	struct hadal_ioc_check check;
};

/* What needs Hadal running, and hadal_lock held for reading. */
static long ioctl_running(struct file *file, unsigned int command, union request *request)
{
	switch (command) {
	case HADAL_IOC_READ:
		return transfer(HADAL_CALL_READ, &request->memory);
	case HADAL_IOC_WRITE:
		return transfer(HADAL_CALL_WRITE, &request->memory);
	case HADAL_IOC_INFO:
	case HADAL_IOC_REGS:
	case HADAL_IOC_STATS:
	case HADAL_IOC_FIRST:
		return ioctl_get(command, &request->get);
	case HADAL_IOC_RAM:
		return ram_list(&request->ram);
	case HADAL_IOC_OWN:
		return ioctl_own(&request->own);
	case HADAL_IOC_TRANSLATE:
		return ioctl_translate(&request->translate);
	case HADAL_IOC_MAP:
		return map_page(file, &request->map);
	case HADAL_IOC_UNMAP:
		return unmap_page(file, &request->map);
	case HADAL_IOC_CLIENTS:
		return clients_list(&request->clients);
	case HADAL_IOC_WINDOW:
		return request->window.reserved ? -EINVAL : window_hold(file);
	case HADAL_IOC_PAUSE:
		return pause_cpu(file, &request->pause);
	case HADAL_IOC_RESUME:
		return resume_cpu(file, &request->pause);
	case HADAL_IOC_SET_REGS:
		return pause_set_regs(file, &request->set_regs);
	case HADAL_IOC_EVENTS_OPEN:
		return events_open(file, &request->events_open);
	case HADAL_IOC_SUBSCRIBE:
		return events_subscribe(file, &request->subscribe);
	case HADAL_IOC_UNSUBSCRIBE:
		return events_unsubscribe(file, &request->subscribe);
	case HADAL_IOC_SUBSCRIPTION:
		return events_state(&request->subscribe);
	case HADAL_IOC_EVENT_ANSWER:
		return events_answer(file, &request->event_answer);
	case HADAL_IOC_VIEW:
		return events_view(file, &request->view);
	}
	return -ENOTTY;
}

static long ioctl_locked(struct file *file, unsigned int command, union request *request)
{
	long result;

	if (down_read_killable(&hadal_lock))
		return -EINTR;
	if (command == HADAL_IOC_LOG)
		result = request->log.reserved ? -EINVAL : log_read(&request->log, hadal_started());
	else
		result = hadal_started() ? ioctl_running(file, command, request) : -ENODEV;
	up_read(&hadal_lock);
	return result;
}

static long hadal_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;
	union request request;
	unsigned int size = _IOC_SIZE(command);
	long result;

	if (_IOC_TYPE(command) != 'H' || size < sizeof(request.version) || size > sizeof(request))
		return -ENOTTY;
	if (copy_from_user(&request, user, size))
		return -EFAULT;
	if (request.version != HADAL_ABI_VERSION && command != HADAL_IOC_STATE)
		return -EPROTO;
	switch (command) {
	case HADAL_IOC_START:
		result = ioctl_start(&request.start);
		break;
	case HADAL_IOC_STOP:
		result = ioctl_stop(&request.stop);
		break;
	case HADAL_IOC_STATE:
		result = ioctl_state(&request.state);
		break;
	case HADAL_IOC_CHECK:
		result = ioctl_check(&request.check);
		break;
	case HADAL_IOC_KEEP:
		result = request.keep.reserved ? -EINVAL : hadal_keep();
		break;
	case HADAL_IOC_ADMIT:
		result = client_admit(file, &request.admit);
		break;
	case HADAL_IOC_ROOT:
		result = client_root(&request.root);
		break;
	default:
		result = ioctl_locked(file, command, &request);
	}
	/* Also after an error: it says how far the call came, or why it could not start. */
	if (result != -ENOTTY && copy_to_user(user, &request, size))
		return -EFAULT;
	return result;
}

/* A program maps its door, or a part of the memory window or of its rings of events. */
static int hadal_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff >= HADAL_EVENTS_OFFSET >> PAGE_SHIFT)
		return events_map(file, vma);
	if (vma->vm_pgoff >= HADAL_WINDOW_OFFSET >> PAGE_SHIFT)
		return window_map(file, vma);
	return door_map(file, vma);
}

static const struct file_operations hadal_operations = {
	.owner = THIS_MODULE,
	.open = hadal_open,
	.release = hadal_release,
	.unlocked_ioctl = hadal_ioctl,
	.mmap = hadal_mmap,
	.poll = events_poll,
};

static struct miscdevice hadal_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hadal",
	.mode = 0600,
	.fops = &hadal_operations,
};

int client_device_register(void)
{
	return misc_register(&hadal_device);
}

void client_device_unregister(void)
{
	misc_deregister(&hadal_device);
}
