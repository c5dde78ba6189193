// SPDX-License-Identifier: MIT
/* All RAM of the guest in one place, for a reader that maps it once. */
#include "hypercall/window.h"
#include "base/errno.h"
#include "cpus/lock.h"
#include "paging/memory.h"
#include "cpus/request.h"

bool window_is_open(void)
{
	return __atomic_load_n(&machine.nested.window, __ATOMIC_RELAXED);
}

/* Where the next of the image's own pages begins from an address on, or end. */
static uint64_t next_own(uint64_t address, uint64_t end)
{
	return ram_next(machine.own, &address, end, true) ? address : end;
}

static int show_range(uint64_t base, const struct hadal_range *range)
{
	uint64_t at = range->start, next;
	int err = 0;

	for (; !err && at < range->end; at = next) {
		if (memory_is_own(at)) {
			next = at + PAGE_BYTES;
			err = nested_window_map(&machine.nested, base + at, memory_hidden_page(),
						PAGE_BYTES);
		} else {
			next = next_own(at, range->end);
			err = nested_window_map(&machine.nested, base + at, at, next - at);
		}
	}
	return err;
}

int window_show_new(uint64_t start, uint64_t end)
{
	uint64_t base = machine.nested.window, until;
	int err = 0;

	if (!base || end > machine.nested.window_end - base)
		return 0;
	while (!err && (until = ram_next(machine.ram, &start, end, false))) {
		err = show_range(base, &(struct hadal_range){start, until});
		start = until;
	}
	return err;
}

static void unmap_all(struct vcpu *vcpu)
{
	uint64_t position = 0;
	bool more;

	do {
		more = nested_window_unmap(&machine.nested, &position);
		request_flush_all(vcpu);
		nested_flushed(&machine.nested);
	} while (more);
}

static int open_locked(struct vcpu *vcpu, uint64_t base)
{
	uint64_t end = base + ((ram_end(machine.ram) + SIZE_1G - 1) & ~(SIZE_1G - 1));
	int err = nested_window_open(&machine.nested, base, end);

	if (err)
		return err;
	/* The identity may have come there on demand. */
	unmap_all(vcpu);
	for (uint32_t i = 0; !err && i < machine.ram->count; i++)
		err = show_range(base, &machine.ram->range[i]);
	if (err) {
		unmap_all(vcpu);
		nested_window_close(&machine.nested);
	}
	return err;
}

static int close_locked(struct vcpu *vcpu)
{
	if (!window_is_open())
		return -ENOENT;
	unmap_all(vcpu);
	nested_window_close(&machine.nested);
	return 0;
}

int64_t hypercall_window(struct vcpu *vcpu)
{
	uint64_t base = vcpu->regs.rdi;
	int err;

	lock_take(&nested_lock);
	err = base ? open_locked(vcpu, base) : close_locked(vcpu);
	lock_give(&nested_lock);
	return err;
}
