// SPDX-License-Identifier: MIT
#include "core/lock.h"
#include "core/vcpu.h"
#include "x86/cpu.h"
#include "x86/fault.h"

bool lock_try(struct lock *lock)
{
	return !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

void lock_take(struct lock *lock)
{
	while (!lock_try(lock)) {
		vcpu_serve_requests(this_vcpu());
		cpu_pause();
	}
}

void lock_give(struct lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}
