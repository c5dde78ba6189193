// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Rings of events: their memory, who reads them, and waking up those who wait. What is subscribed
 * to is between the client and the hypervisor.
 *
 * Locks: hadal_lock, readers_lock.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <asm/io.h>
#include <asm/tsc.h>

#include "call.h"
#include "compat.h"
#include "loader.h"
#include "wake.h"

#define EXIT_SAMPLES 16
#define LOOK_AGAIN   (1 + HZ / 20)

struct reader {
	struct list_head link;
	struct file *file;
	u32 owner; /* its number; 0: Hadal was stopped */
	u32 ring_bytes;
	struct hadal_ring_head *heads;
	struct hadal_ring_tail *tails;
	struct waker waker;
	struct delayed_work look; /* while somebody waits */
	void *ring[];             /* of each CPU */
};

static DEFINE_MUTEX(readers_lock);
static LIST_HEAD(readers);

static struct reader *reader_of(const struct file *file)
{
	struct reader *reader;

	list_for_each_entry(reader, &readers, link) if (reader->file == file) return reader;
	return NULL;
}

static void *pages_get(u64 bytes)
{
	return (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN | __GFP_COMP,
					get_order(bytes));
}

static void reader_free(struct reader *reader)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		free_pages((unsigned long)reader->ring[cpu], get_order(reader->ring_bytes));
	free_pages((unsigned long)reader->heads, get_order(HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids)));
	free_pages((unsigned long)reader->tails, get_order(HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids)));
	kvfree(reader);
}

static bool has_records(const struct reader *reader)
{
	unsigned int cpu;

	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		if (READ_ONCE(reader->heads[cpu].head) != READ_ONCE(reader->tails[cpu].tail))
			return true;
	return false;
}

/* Should an NMI that was to wake somebody up be lost: as long as somebody waits, this looks. */
static void look(struct work_struct *work)
{
	struct reader *reader = container_of(to_delayed_work(work), struct reader, look);

	if (has_records(reader) || !READ_ONCE(reader->owner))
		wake_up_interruptible(&reader->waker.wait);
	else if (wq_has_sleeper(&reader->waker.wait))
		schedule_delayed_work(&reader->look, LOOK_AGAIN);
}

static int reader_allocate(struct reader *reader)
{
	unsigned int cpu;

	reader->heads = pages_get(HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids));
	reader->tails = pages_get(HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids));
	if (!reader->heads || !reader->tails)
		return -ENOMEM;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++) {
		reader->ring[cpu] = pages_get(reader->ring_bytes);
		if (!reader->ring[cpu])
			return -ENOMEM;
	}
	return 0;
}

/* What an exit costs that has little to do: no handler sees what the processor takes for it. */
static u64 exit_ticks(void)
{
	u64 least = U64_MAX;
	int i;

	for (i = 0; i < EXIT_SAMPLES; i++) {
		u64 start = rdtsc_ordered();

		hadal_call(HADAL_CALL_QUERY, HADAL_ABI_VERSION, 0, 0, 0, 0);
		least = min(least, rdtsc_ordered() - start);
	}
	return least;
}

static int reader_announce(struct reader *reader)
{
	size_t bytes = sizeof(struct hadal_events_memory) + nr_cpu_ids * sizeof(u64);
	struct hadal_events_memory *memory = alloc_pages_exact(bytes, GFP_KERNEL | __GFP_ZERO);
	unsigned int cpu;
	u64 *rings;
	long result;

	if (!memory)
		return -ENOMEM;
	rings = (u64 *)(memory + 1);
	memory->ring_bytes = reader->ring_bytes;
	memory->cpu_count = nr_cpu_ids;
	memory->heads = virt_to_phys(reader->heads);
	memory->tails = virt_to_phys(reader->tails);
	memory->ticks_per_ms = tsc_khz ? tsc_khz : cpu_khz;
	memory->exit_ticks = exit_ticks();
	memory->root = virt_to_phys(current->mm->pgd);
	memory->rings = virt_to_phys(rings);
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		rings[cpu] = virt_to_phys(reader->ring[cpu]);
	result = hadal_call_fed(HADAL_CALL_EVENTS_OPEN, virt_to_phys(memory), sizeof(*memory), 0, 0,
				0);
	free_pages_exact(memory, bytes);
	if (result < 0)
		return result;
	reader->owner = result;
	return 0;
}

static int open_locked(struct file *file, u32 ring_bytes)
{
	struct reader *reader;
	int error;

	if (reader_of(file))
		return -EEXIST;
	reader = kvzalloc(struct_size(reader, ring, nr_cpu_ids), GFP_KERNEL_ACCOUNT);
	if (!reader)
		return -ENOMEM;
	reader->file = file;
	reader->ring_bytes = ring_bytes;
	INIT_DELAYED_WORK(&reader->look, look);
	error = reader_allocate(reader);
	waker_init(&reader->waker, reader->heads);
	if (!error)
		error = waker_add(&reader->waker);
	if (!error)
		error = reader_announce(reader);
	if (error) {
		waker_remove(&reader->waker);
		reader_free(reader);
	} else
		list_add(&reader->link, &readers);
	return error;
}

int events_open(struct file *file, struct hadal_ioc_events_open *request)
{
	u32 bytes = request->ring_bytes;
	int error;

	if (request->reserved || bytes < HADAL_RING_BYTES_MIN || bytes > HADAL_RING_BYTES_MAX ||
	    !is_power_of_2(bytes) || !current->mm)
		return -EINVAL;
	mutex_lock(&readers_lock);
	error = open_locked(file, bytes);
	mutex_unlock(&readers_lock);
	request->cpu_count = nr_cpu_ids;
	return error;
}

static void withdraw(struct reader *reader)
{
	long error;

	if (!reader->owner)
		return;
	error = hadal_call(HADAL_CALL_EVENTS_CLOSE, reader->owner, 0, 0, 0, 0);
	WARN_ONCE(error, "hadal: the subscriptions of a program that has ended stay: error %ld\n",
		  error);
	WRITE_ONCE(reader->owner, 0);
	wake_up_interruptible(&reader->waker.wait);
}

void events_release(struct file *file)
{
	struct reader *reader;

	mutex_lock(&readers_lock);
	reader = reader_of(file);
	if (reader) {
		list_del(&reader->link);
		withdraw(reader);
		waker_remove(&reader->waker);
	}
	mutex_unlock(&readers_lock);
	if (reader) {
		cancel_delayed_work_sync(&reader->look);
		reader_free(reader);
	}
}

void events_revoke(void)
{
	struct reader *reader;

	mutex_lock(&readers_lock);
	list_for_each_entry(reader, &readers, link) withdraw(reader);
	mutex_unlock(&readers_lock);
}

static u32 owner_of(struct file *file)
{
	struct reader *reader;
	u32 owner;

	mutex_lock(&readers_lock);
	reader = reader_of(file);
	owner = reader ? reader->owner : 0;
	if (reader)
		waker_is_here(&reader->waker);
	mutex_unlock(&readers_lock);
	return owner;
}

/* A page that begins with a struct of the caller's. */
static void *copy_struct(u64 buffer, size_t bytes)
{
	void *page = (void *)get_zeroed_page(GFP_KERNEL);

	if (!page)
		return ERR_PTR(-ENOMEM);
	if (!copy_from_user(page, u64_to_user_ptr(buffer), bytes))
		return page;
	free_page((unsigned long)page);
	return ERR_PTR(-EFAULT);
}

/* What an owner asks for by a struct of its own: the hypervisor's answer, or a negative errno. */
static long ask_for(struct file *file, enum hadal_call call, u64 buffer, size_t bytes)
{
	u32 owner = owner_of(file);
	void *asked;
	long result;

	if (!owner)
		return -ENXIO;
	asked = copy_struct(buffer, bytes);
	if (IS_ERR(asked))
		return PTR_ERR(asked);
	result = hadal_call_fed(call, owner, virt_to_phys(asked), bytes, 0, 0);
	free_page((unsigned long)asked);
	return result;
}

int events_subscribe(struct file *file, struct hadal_ioc_subscribe *request)
{
	const size_t bytes = sizeof(struct hadal_subscription);
	long result;

	if (request->size != bytes || request->subscription || request->index || request->cpu)
		return -EINVAL;
	result = ask_for(file, HADAL_CALL_SUBSCRIBE, request->buffer, bytes);
	if (result < 0)
		return result;
	request->subscription = result;
	return 0;
}

int events_unsubscribe(struct file *file, const struct hadal_ioc_subscribe *request)
{
	u32 owner = owner_of(file);

	if (request->size || request->buffer || request->index || request->cpu)
		return -EINVAL;
	if (!owner)
		return -ENXIO;
	return hadal_call(HADAL_CALL_UNSUBSCRIBE, owner, request->subscription, 0, 0, 0);
}

int events_state(const struct hadal_ioc_subscribe *request)
{
	struct hadal_subscription_state *state;
	int result;

	if (request->size != sizeof(*state))
		return -EINVAL;
	state = (void *)get_zeroed_page(GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	result = hadal_call(HADAL_CALL_SUBSCRIPTION_STATE, request->subscription,
			    virt_to_phys(state), sizeof(*state), request->index, request->cpu);
	if (!result && copy_to_user(u64_to_user_ptr(request->buffer), state, sizeof(*state)))
		result = -EFAULT;
	free_page((unsigned long)state);
	return result;
}

int events_answer(struct file *file, struct hadal_ioc_event_answer *request)
{
	struct hadal_event_answer *answer;
	u64 first = owner_of(file);
	int result;

	if (request->size != sizeof(*answer) || request->refused)
		return -EINVAL;
	if (!first)
		return -ENXIO;
	answer = copy_struct(request->buffer, sizeof(*answer));
	if (IS_ERR(answer))
		return PTR_ERR(answer);
	result = hadal_call_inout(HADAL_CALL_EVENT_ANSWER, &first, virt_to_phys(answer),
				  sizeof(*answer), 0, 0);
	if (result == -ERANGE)
		request->refused = first;
	free_page((unsigned long)answer);
	return result;
}

int events_view(struct file *file, struct hadal_ioc_view *request)
{
	const size_t bytes = sizeof(struct hadal_view_request);
	long result;

	if (request->size != bytes || request->view)
		return -EINVAL;
	result = ask_for(file, HADAL_CALL_VIEW, request->buffer, bytes);
	if (result < 0)
		return result;
	request->view = result;
	return 0;
}

/* The memory that a piece of the file shows, of which it must be a part; NULL: there is none. */
static void *piece_at(const struct reader *reader, u64 offset, u64 bytes, bool *writable)
{
	u64 cpu, most = reader->ring_bytes;
	void *start;

	*writable = false;
	if (offset >= HADAL_EVENTS_RINGS) {
		cpu = (offset - HADAL_EVENTS_RINGS) / HADAL_EVENTS_RING_STRIDE;
		start = cpu < nr_cpu_ids ? reader->ring[cpu] : NULL;
		offset = (offset - HADAL_EVENTS_RINGS) % HADAL_EVENTS_RING_STRIDE;
	} else if (offset >= HADAL_EVENTS_TAILS) {
		start = reader->tails;
		offset -= HADAL_EVENTS_TAILS;
		most = HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids);
		*writable = true;
	} else {
		start = reader->heads;
		most = HADAL_EVENTS_ENDS_BYTES(nr_cpu_ids);
	}
	if (!start || offset >= most || bytes > most - offset)
		return NULL;
	return start + offset;
}

static int map_locked(struct reader *reader, struct vm_area_struct *vma)
{
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) - HADAL_EVENTS_OFFSET;
	u64 bytes = vma->vm_end - vma->vm_start;
	bool writable;
	void *start = piece_at(reader, offset, bytes, &writable);

	if (!start)
		return -ENXIO;
	if ((vma->vm_flags & VM_EXEC) || (!writable && (vma->vm_flags & VM_WRITE)))
		return -EACCES;
	/* A child would keep what is asked for, and the records are no core file's business. */
	vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vm_flags_clear(vma, writable ? VM_MAYEXEC : VM_MAYWRITE | VM_MAYEXEC);
	return remap_pfn_range(vma, vma->vm_start, virt_to_phys(start) >> PAGE_SHIFT, bytes,
			       vma->vm_page_prot);
}

int events_map(struct file *file, struct vm_area_struct *vma)
{
	struct reader *reader;
	int error = -ENODEV;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&readers_lock);
	reader = reader_of(file);
	if (reader)
		error = map_locked(reader, vma);
	mutex_unlock(&readers_lock);
	return error;
}

__poll_t events_poll(struct file *file, struct poll_table_struct *table)
{
	struct reader *reader;
	__poll_t result = EPOLLERR;

	mutex_lock(&readers_lock);
	reader = reader_of(file);
	if (reader) {
		poll_wait(file, &reader->waker.wait, table);
		waker_is_here(&reader->waker);
		waker_waits(&reader->waker, true);
		result = has_records(reader) ? EPOLLIN | EPOLLRDNORM : 0;
		if (!reader->owner)
			result |= EPOLLHUP;
		if (result)
			waker_waits(&reader->waker, false);
		else
			schedule_delayed_work(&reader->look, LOOK_AGAIN);
	}
	mutex_unlock(&readers_lock);
	return result;
}
