/* SPDX-License-Identifier: MIT */
/*
 * A spin lock. Who waits for it goes on serving other CPUs' requests, so none waits for another in
 * a ring; it is given in the order in which it was asked for, so none waits for ever.
 */
#ifndef HADAL_CPUS_LOCK_H
#define HADAL_CPUS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

struct lock {
	uint32_t next;    /* the ticket that the next one to come gets */
	uint32_t serving; /* the ticket that has the lock, or may take it */
	uint64_t holder;  /* a place on the stack of who took it last, by which its CPU is known */
	const char *what; /* it is about, for the log */
	/* What it protects can be relied on whatever happens to its holder. */
	bool always_whole;
	/* Its holder had a fault: it stays held, for what it protects is not to be touched. */
	bool broken;
} __attribute__((aligned(64))); /* a cache line */

/* Defines a lock, static or not: all locks are in one table, which a fault is looked up in. */
#define LOCK(object, ...) struct lock object __attribute__((section("hadal_locks"))) = {__VA_ARGS__}

/* The nested tables, the pool and what pages show. */
extern struct lock nested_lock;

/* One that is broken is never given: the exit, or the start, is given up as after a fault. */
void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

/* After a fault on this vCPU: nobody waits for what it holds. True when one is broken by it. */
bool lock_give_all(struct vcpu *vcpu);
/* Whether any lock is broken: Hadal is not to take over anything more. */
bool lock_any_broken(void);

static inline bool lock_is_held(const struct lock *lock)
{
	return lock->next != lock->serving;
}

/* What lock_take() does with a broken lock; in life/fault.c. */
_Noreturn void lock_is_broken(struct vcpu *vcpu, const struct lock *lock);

#endif
