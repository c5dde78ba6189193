/* SPDX-License-Identifier: MIT */
/*
 * A spin lock. Who waits for it goes on serving other CPUs' requests, so none waits for another in
 * a ring; it is given in the order in which it was asked for, so none waits for ever.
 */
#ifndef HADAL_CPUS_LOCK_H
#define HADAL_CPUS_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lock {
	uint32_t next;    /* the ticket that the next one to come gets */
	uint32_t serving; /* the ticket that has the lock, or may take it */
};

/* The nested tables, the pool and what pages show. */
extern struct lock nested_lock;

void lock_take(struct lock *lock);
void lock_give(struct lock *lock);

static inline bool lock_is_held(const struct lock *lock)
{
	return lock->next != lock->serving;
}

#endif
