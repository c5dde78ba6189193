// SPDX-License-Identifier: MIT
/* Spin locks whose waiters serve other CPUs. */
#include "cpus/lock.h"
#include "cpus/request.h"
#include "x86/cpu.h"

struct lock nested_lock;

void lock_take(struct lock *lock)
{
	uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket) {
		vcpu_serve_requests(this_vcpu());
		cpu_pause();
	}
}

void lock_give(struct lock *lock)
{
	__atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}
