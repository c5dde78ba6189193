// SPDX-License-Identifier: MIT
/* The table of hypercalls, and those that need no file of their own. */
#include "events/subscription.h"
#include "exit/base.h"
#include "hypercall/client.h"
#include "hypercall/hypercall.h"
#include "hypercall/stop.h"
#include "leave/stop.h"
#include "life/init.h"
#include "base/log.h"
#include "hypercall/map.h"
#include "paging/memory.h"
#include "cpus/lock.h"
#include "cpus/pause.h"
#include "cpus/request.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "hypercall/window.h"
#include "x86/cpu.h"

#define LOG_PIECE 1024

int hypercall_answer(uint64_t gpa, uint64_t size, const void *from, size_t bytes)
{
	if (size < bytes)
		return -EINVAL;
	if (!memory_guest_range(gpa, bytes, MEMORY_WRITE))
		return -EFAULT;
	return memory_copy_to_guest(gpa, from, bytes) == bytes ? 0 : -EFAULT;
}

static int64_t call_query(struct vcpu *vcpu)
{
	bool same = vcpu->regs.rdi == HADAL_ABI_VERSION;

	vcpu->regs.rdi = HADAL_ABI_VERSION;
	vcpu->regs.rsi = vendor->id;
	vcpu->regs.rdx = vcpu->index;
	return same ? 0 : -EPROTO;
}

static int64_t call_info(struct vcpu *vcpu)
{
	static const char version[] = HADAL_VERSION;
	extern char image_start[], image_end[];
	struct hadal_info info;

	memset(&info, 0, sizeof(info));
	info.abi_version = HADAL_ABI_VERSION;
	info.vendor = vendor->id;
	info.cpu_count = machine.cpu_count;
	info.cpu_running = request_running();
	info.image_bytes = image_end - image_start;
	info.pool_pages = machine.pool_pages;
	info.pool_free = machine.pool.free_pages;
	info.bytes_per_cpu = PERCPU_PAGES * PAGE_BYTES;
	info.mapped_pages = map_count();
	info.physical_bits = machine.physical_bits;
	info.boot_flags = machine.flags;
	info.ram_count = __atomic_load_n(&machine.ram, __ATOMIC_ACQUIRE)->count;
	memcpy(info.version, version, sizeof(version));
	return hypercall_answer(vcpu->regs.rdi, vcpu->regs.rsi, &info, sizeof(info));
}

/* A map that is replaced meanwhile stays whole: who replaces it waits until this exit is over. */
static int64_t call_ram(struct vcpu *vcpu)
{
	const struct ram_map *ram = __atomic_load_n(&machine.ram, __ATOMIC_ACQUIRE);
	uint64_t bytes = vcpu->regs.rsi;
	int err;

	if (bytes % sizeof(struct hadal_range))
		return -EINVAL;
	if (bytes > ram->count * sizeof(struct hadal_range))
		bytes = ram->count * sizeof(struct hadal_range);
	err = bytes ? hypercall_answer(vcpu->regs.rdi, bytes, ram->range, bytes) : 0;
	return err ? err : (int64_t)ram->count;
}

static int64_t call_regs(struct vcpu *vcpu)
{
	struct hadal_regs regs;
	int err;

	if (vcpu->regs.rdx < sizeof(regs))
		return -EINVAL;
	if (!memory_guest_range(vcpu->regs.rsi, sizeof(regs), MEMORY_WRITE))
		return -EFAULT;
	if (vcpu->regs.rdi >= machine.cpu_count)
		return -ENXIO;
	memset(&regs, 0, sizeof(regs));
	err = request_registers(vcpu, vcpu->regs.rdi, &regs);
	return err ? err : hypercall_answer(vcpu->regs.rsi, vcpu->regs.rdx, &regs, sizeof(regs));
}

static int64_t call_log(struct vcpu *vcpu)
{
	uint64_t gpa = vcpu->regs.rsi, size = vcpu->regs.rdx, position = vcpu->regs.rdi;
	char text[LOG_PIECE];
	size_t bytes = size < LOG_PIECE ? size : LOG_PIECE;

	if (!bytes)
		return -EINVAL;
	if (!memory_guest_range(gpa, bytes, MEMORY_WRITE))
		return -EFAULT;
	bytes = log_read(&position, text, bytes);
	memory_copy_to_guest(gpa, text, bytes);
	vcpu->regs.rdi = position;
	return bytes;
}

static int64_t call_stats(struct vcpu *vcpu)
{
	uint64_t index = vcpu->regs.rdi;

	if (index >= machine.cpu_count)
		return -ENXIO;
	return hypercall_answer(vcpu->regs.rsi, vcpu->regs.rdx, &vcpu_at(index)->stats,
				sizeof(struct hadal_stats));
}

static int64_t call_own(struct vcpu *vcpu)
{
	const struct ram_map *own = __atomic_load_n(&machine.own, __ATOMIC_ACQUIRE);
	uint64_t index = vcpu->regs.rdi;

	if (index >= own->count)
		return -ENOENT;
	vcpu->regs.rdi = own->range[index].start;
	vcpu->regs.rsi = own->range[index].end;
	return 0;
}

static int64_t call_first(struct vcpu *vcpu)
{
	if (!(machine.flags & HADAL_BOOT_FIRST))
		return -ENOENT;
	return hypercall_answer(vcpu->regs.rdi, vcpu->regs.rsi, &machine.first,
				sizeof(machine.first));
}

static int64_t (*const call[HADAL_CALL_COUNT])(struct vcpu *vcpu) = {
	[HADAL_CALL_QUERY] = call_query,
	[HADAL_CALL_INFO] = call_info,
	[HADAL_CALL_STOP] = hypercall_stop,
	[HADAL_CALL_REGS] = call_regs,
	[HADAL_CALL_TRANSLATE] = hypercall_translate,
	[HADAL_CALL_READ] = hypercall_read,
	[HADAL_CALL_WRITE] = hypercall_write,
	[HADAL_CALL_MAP] = hypercall_map,
	[HADAL_CALL_UNMAP] = hypercall_unmap,
	[HADAL_CALL_LOG] = call_log,
	[HADAL_CALL_STATS] = call_stats,
	[HADAL_CALL_CLIENT_ADD] = hypercall_client_add,
	[HADAL_CALL_CLIENT_REMOVE] = hypercall_client_remove,
	[HADAL_CALL_CLIENT_PAGE_ADD] = hypercall_client_page_add,
	[HADAL_CALL_CLIENT_PAGE_REMOVE] = hypercall_client_page_remove,
	[HADAL_CALL_CLIENT_STATE] = hypercall_client_state,
	[HADAL_CALL_WINDOW] = hypercall_window,
	[HADAL_CALL_PAUSE] = hypercall_pause,
	[HADAL_CALL_RESUME] = hypercall_resume,
	[HADAL_CALL_SET_REGS] = hypercall_set_regs,
	[HADAL_CALL_EVENTS_OPEN] = hypercall_events_open,
	[HADAL_CALL_EVENTS_CLOSE] = hypercall_events_close,
	[HADAL_CALL_SUBSCRIBE] = hypercall_subscribe,
	[HADAL_CALL_UNSUBSCRIBE] = hypercall_unsubscribe,
	[HADAL_CALL_SUBSCRIPTION_STATE] = hypercall_subscription_state,
	[HADAL_CALL_EVENT_REQUEST] = hypercall_event_request,
	[HADAL_CALL_EVENT_ANSWER] = hypercall_event_answer,
	[HADAL_CALL_RAM] = call_ram,
	[HADAL_CALL_OWN] = call_own,
	[HADAL_CALL_FIRST] = call_first,
	[HADAL_CALL_VIEW] = hypercall_view,
};

/* The loader's own, by its key; to others they do not exist. */
static __attribute__((noinline)) enum verdict loader_call(struct vcpu *vcpu, uint64_t number)
{
	if (number < HADAL_CALL_RAM_ADD || number > HADAL_CALL_RECLAIM ||
	    !vendor->in_kernel(vcpu) || !machine.key || vcpu->regs.r9 != machine.key) {
		vcpu_inject_ud(vcpu);
		return VERDICT_RETRY;
	}
	if (number < HADAL_CALL_DONATE)
		vcpu->regs.rax = hypercall_ram(vcpu, number == HADAL_CALL_RAM_ADD);
	else
		vcpu->regs.rax = hypercall_donate(vcpu, number == HADAL_CALL_RECLAIM);
	return VERDICT_DONE;
}

/* Ring 0 of 64-bit mode only; for everybody else there is no hypervisor. */
enum verdict base_hypercall(struct vcpu *vcpu)
{
	uint64_t number = vcpu->regs.rax - HADAL_CALL_BASE;

	if (number >= HADAL_CALL_COUNT || !vendor->in_kernel(vcpu))
		return loader_call(vcpu, number);
	vcpu->regs.rax = call[number](vcpu);
	return VERDICT_DONE;
}
