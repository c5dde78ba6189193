// SPDX-License-Identifier: MIT
/* Memory that the loader gives to the pool while Hadal runs, and takes back. */
#include "base/errno.h"
#include "base/log.h"
#include "base/string.h"
#include "cpus/lock.h"
#include "cpus/request.h"
#include "events/subscription.h"
#include "hypercall/hypercall.h"
#include "paging/memory.h"

/* So much at most: no CPU is kept waiting for longer. */
#define MOST_BYTES (4ull << 20)

static bool is_range(uint64_t start, uint64_t end)
{
	return !((start | end) & (PAGE_BYTES - 1)) && start < end && end - start <= MOST_BYTES;
}

/* Nobody may have been promised that a page shows what it shows, or that the image writes to it. */
static int check(uint64_t start, uint64_t end)
{
	struct nested_page page;

	if (events_use(start, end))
		return -EBUSY;
	for (uint64_t at = start; at < end; at += PAGE_BYTES) {
		if (memory_is_own(at))
			return -EACCES;
		if (!memory_is_ram(at) || !nested_lookup(&machine.nested, at, &page))
			return -ENXIO;
		if (page.is_override)
			return -EBUSY;
	}
	return 0;
}

/* What the window shows of a page, if it is open and shows it. */
static int change_window(uint64_t page, uint64_t shown)
{
	uint64_t gpa = machine.nested.window + page;

	if (!machine.nested.window || gpa >= machine.nested.window_end)
		return 0;
	return nested_window_change(&machine.nested, gpa, shown);
}

/* The first of them has the guest's contents again, and so on; needs no memory. */
static void show(uint64_t start, uint64_t end)
{
	for (uint64_t at = start; at < end; at += PAGE_BYTES) {
		change_window(at, at);
		nested_reset(&machine.nested, at);
	}
}

/* With the reserve, which comes back at once. */
static int hide(uint64_t start, uint64_t end)
{
	size_t reserve = machine.pool.reserve;
	uint64_t at;
	int err = 0;

	machine.pool.reserve = 0;
	for (at = start; !err && at < end; at += PAGE_BYTES) {
		err = nested_set(&machine.nested, at, memory_hidden_page(), PT_READ);
		if (!err) {
			err = change_window(at, memory_hidden_page());
			if (err)
				nested_reset(&machine.nested, at);
		}
	}
	if (err)
		show(start, at - PAGE_BYTES);
	machine.pool.reserve = reserve;
	return err;
}

static void flush(struct vcpu *vcpu)
{
	request_flush_all(vcpu);
	nested_flushed(&machine.nested);
}

static int donate(struct vcpu *vcpu, uint64_t start, uint64_t end)
{
	int err = check(start, end);

	if (!err)
		err = memory_add_own(start, end);
	if (err)
		return err;
	err = hide(start, end);
	flush(vcpu);
	/* No CPU can move its APIC there any more; has one done so before? */
	if (!err && memory_has_apic(start, end)) {
		show(start, end);
		flush(vcpu);
		err = -EBUSY;
	}
	if (err) {
		memory_remove_own(start, end);
		return err;
	}
	pt_pool_add(&machine.pool, start, end - start);
	machine.pool_pages += (end - start) / PAGE_BYTES;
	return 0;
}

static int reclaim(struct vcpu *vcpu, uint64_t start, uint64_t end)
{
	if (!pt_pool_take(&machine.pool, start, end - start))
		return -EBUSY;
	memset(memory_direct(start), 0, end - start);
	machine.pool_pages -= (end - start) / PAGE_BYTES;
	show(start, end);
	flush(vcpu);
	memory_remove_own(start, end);
	return 0;
}

int64_t hypercall_donate(struct vcpu *vcpu, bool back)
{
	uint64_t start = vcpu->regs.rdi, end = vcpu->regs.rsi;
	int err;

	if (!is_range(start, end))
		return -EINVAL;
	lock_take(&events_lock);
	lock_take(&nested_lock);
	err = (back ? reclaim : donate)(vcpu, start, end);
	lock_give(&nested_lock);
	lock_give(&events_lock);
	if (!err)
		log_line("memory %lx to %lx %s", start, end,
			 back ? "is given back" : "is the pool's from now on");
	return err;
}
