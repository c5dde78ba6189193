// SPDX-License-Identifier: MIT
/* RAM that is plugged in or taken out while the machine runs. */
#include "base/log.h"
#include "cpus/lock.h"
#include "cpus/request.h"
#include "hypercall/hypercall.h"
#include "hypercall/window.h"
#include "paging/memory.h"

static int change(uint64_t start, uint64_t end, bool add)
{
	int err = 0;

	if (!add)
		return memory_remove_ram(start, end);
	if (start < end)
		err = window_show_new(start, end);
	return err ? err : memory_add_ram(start, end);
}

/* After the flush nobody uses the map as it was, nor an address that was found by it. */
int64_t hypercall_ram(struct vcpu *vcpu, bool add)
{
	uint64_t start = vcpu->regs.rdi, end = vcpu->regs.rsi;
	uint64_t at = start;
	int err;

	lock_take(&nested_lock);
	if (start < end && !ram_next(machine.ram, &at, end, !add)) {
		lock_give(&nested_lock);
		return 0; /* it is as asked */
	}
	err = change(start, end, add);
	if (!err) {
		request_flush_all(vcpu);
		nested_flushed(&machine.nested);
	}
	lock_give(&nested_lock);
	if (!err)
		log_line("RAM %lx to %lx %s", start, end, add ? "has come" : "is gone");
	return err;
}
