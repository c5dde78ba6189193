/* SPDX-License-Identifier: MIT */
/* A spin lock. Who waits for it goes on serving other CPUs' requests, so none waits for another in
 * a ring. */
#ifndef HADAL_CORE_LOCK_H
#define HADAL_CORE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lock {
	uint32_t held;
};

void lock_take(struct lock *lock);
bool lock_try(struct lock *lock);
void lock_give(struct lock *lock);

#endif
