// SPDX-License-Identifier: MIT
/* Spin locks whose waiters serve other CPUs, and what becomes of those held at a fault. */
#include "cpus/lock.h"
#include "base/log.h"
#include "cpus/request.h"
#include "x86/cpu.h"

LOCK(nested_lock, .what = "the map of memory");

/* Named by the linker after the section that LOCK() uses. */
extern struct lock __start_hadal_locks[], __stop_hadal_locks[];

/* Out of line: taking a lock that is free must stay cheap. */
static __attribute__((noinline)) void wait_for(struct lock *lock, uint32_t ticket)
{
	struct vcpu *vcpu = this_vcpu();

	vcpu->awaited = lock;
	vcpu->ticket = ticket;
	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket) {
		if (__atomic_load_n(&lock->broken, __ATOMIC_ACQUIRE)) {
			vcpu->awaited = NULL;
			lock_is_broken(vcpu, lock);
		}
		vcpu_serve_requests(vcpu);
		cpu_pause();
	}
	vcpu->awaited = NULL;
}

void lock_take(struct lock *lock)
{
	uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	if (__builtin_expect(__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket, 0))
		wait_for(lock, ticket);
	lock->holder = (uint64_t)__builtin_frame_address(0);
}

void lock_give(struct lock *lock)
{
	__atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}

static bool is_held_by(const struct lock *lock, const struct vcpu *vcpu)
{
	uint64_t area = (uint64_t)vcpu - PERCPU_VCPU;

	return lock_is_held(lock) && lock->holder - area < 1ull << PERCPU_SHIFT;
}

/* Its turn would come for a ticket that nobody holds any more, and never pass on. */
static void end_wait(struct vcpu *vcpu)
{
	struct lock *lock = vcpu->awaited;

	if (!lock || lock->broken)
		return;
	wait_for(lock, vcpu->ticket);
	lock_give(lock);
}

bool lock_give_all(struct vcpu *vcpu)
{
	bool broken = false;

	for (struct lock *lock = __start_hadal_locks; lock < __stop_hadal_locks; lock++) {
		if (lock == vcpu->awaited || !is_held_by(lock, vcpu))
			continue;
		if (lock->always_whole) {
			lock_give(lock);
			continue;
		}
		log_line("it was changing %s; this is not used any more: stop Hadal", lock->what);
		broken = true;
		__atomic_store_n(&lock->broken, true, __ATOMIC_RELEASE);
	}
	end_wait(vcpu);
	return broken;
}

bool lock_any_broken(void)
{
	for (const struct lock *lock = __start_hadal_locks; lock < __stop_hadal_locks; lock++)
		if (__atomic_load_n(&lock->broken, __ATOMIC_ACQUIRE))
			return true;
	return false;
}
