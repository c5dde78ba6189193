// SPDX-License-Identifier: MIT
/* Leaving: all CPUs together, when nothing is left that one of them could look at, or one alone. */
#include "hypercall/stop.h"
#include "base/errno.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "cpus/request.h"
#include "hypercall/client.h"
#include "hypercall/map.h"
#include "hypercall/window.h"
#include "leave/leave.h"
#include "leave/stop.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

/* TSC ticks that a CPU waits for the others, who stand still already: a tenth of a second. */
#define TOGETHER_TICKS (1ull << 28)

static bool locked;

/* The vCPUs that are about to leave meet here; who comes last decides for all. */
static LOCK(meeting_lock, .what = "who leaves", .always_whole = true);
static struct {
	uint32_t waiting;
	uint32_t round; /* decisions so far */
	int decision;
} meeting;

/* It was there before the system that is to go on without it. */
static bool is_first(void)
{
	return machine.flags & HADAL_BOOT_FIRST;
}

static int may_leave(void)
{
	if (__atomic_load_n(&locked, __ATOMIC_SEQ_CST) ||
	    (is_first() && !(machine.flags & HADAL_BOOT_STOPS)))
		return -EPERM;
	return (map_count() || window_is_open()) && !lock_any_broken() ? -EBUSY : 0;
}

/* No vCPU enters its guest any more: the map that hid the image goes, and all that was learnt. */
static void wipe(void)
{
	clients_wipe();
	memory_wipe_nested();
}

static void decide(void)
{
	meeting.decision = may_leave();
	if (!meeting.decision && !lock_any_broken())
		wipe();
	meeting.waiting = 0;
	__atomic_store_n(&meeting.round, meeting.round + 1, __ATOMIC_RELEASE);
}

/* True when this vCPU has given up waiting; false when the others came after all. */
static bool give_up(uint32_t round)
{
	bool gone;

	lock_take(&meeting_lock);
	gone = meeting.round == round;
	if (gone)
		meeting.waiting--;
	lock_give(&meeting_lock);
	return gone;
}

/* Whether the system maps what this CPU needs of the way out where it says. */
static bool knows_way_out(struct vcpu *vcpu, uint64_t address)
{
	const uint64_t page[] = {0, way_out_crossing(vcpu->index)};
	struct guest_paging paging;
	uint64_t gpa;

	vcpu_paging(vcpu, &paging);
	for (unsigned int i = 0; i < ARRAY_LEN(page); i++)
		if (memory_walk_root(address + page[i], paging.cr3, paging.cr4, &gpa) ||
		    gpa != machine.first.way_out + page[i])
			return false;
	return true;
}

/* Those that wait already have another way than this one would make. */
static int take_way_out(uint64_t address)
{
	if (meeting.waiting && machine.way_out.address != address)
		return -EINVAL;
	return way_out_map(address);
}

static int meet(struct vcpu *vcpu)
{
	uint64_t start = rdtsc(), way_out = vcpu->regs.rsi;
	uint32_t round;
	int err = 0;

	if (is_first() && !knows_way_out(vcpu, way_out))
		return -EFAULT;
	lock_take(&meeting_lock);
	round = meeting.round;
	if (is_first())
		err = take_way_out(way_out);
	if (!err && ++meeting.waiting >= request_running())
		decide();
	lock_give(&meeting_lock);
	if (err)
		return err;
	while (__atomic_load_n(&meeting.round, __ATOMIC_ACQUIRE) == round) {
		if (rdtsc() - start > TOGETHER_TICKS && give_up(round)) {
			log_line("not all CPUs want to leave: none does");
			return -EAGAIN;
		}
		vcpu_serve_requests(vcpu);
		cpu_pause();
	}
	return meeting.decision;
}

static _Noreturn void leave(struct vcpu *vcpu, bool for_good)
{
	vcpu->rip += vcpu->exit.length;
	if (is_first())
		leave_by(vcpu, machine.way_out.address);
	vcpu_leave(vcpu, for_good);
}

int64_t hypercall_stop(struct vcpu *vcpu)
{
	int err = may_leave();

	switch (vcpu->regs.rdi) {
	case HADAL_STOP_ALL:
		if (!err)
			err = meet(vcpu);
		if (!err)
			leave(vcpu, true);
		return err;
	case HADAL_STOP_CPU: /* of the firmware's start nobody could bring it back */
		if (!err && is_first())
			err = -EPERM;
		if (!err)
			leave(vcpu, false);
		return err;
	case HADAL_STOP_NEVER:
		__atomic_store_n(&locked, true, __ATOMIC_SEQ_CST);
		log_line("locked: no CPU leaves until a reset");
		return 0;
	default:
		return -EINVAL;
	}
}
