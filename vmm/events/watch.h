/* SPDX-License-Identifier: MIT */
#ifndef HADAL_EVENTS_WATCH_H
#define HADAL_EVENTS_WATCH_H

#include "events/subscription.h"
#include "paging/pagetable.h"

/* 0, -EINVAL, -ENXIO (not RAM), -EACCES (the hypervisor's own), -ENOSPC (too many pages). */
int watch_check(const struct hadal_subscription *asked);

/* With events_lock held, before a subscription is in the table: 0, -ENOSPC, -ENOMEM. */
int watch_add(struct vcpu *vcpu, const struct hadal_subscription *asked);
/* With events_lock held, when it is there no more and no CPU runs on the view if it was the last.
 */
void watch_remove(struct vcpu *vcpu, const struct hadal_subscription *asked);

/* What a nested fault wanted to do: HADAL_ACCESS_*. */
static inline uint8_t access_of(const struct exit *e)
{
	return (e->nested.read ? HADAL_ACCESS_READ : 0) |
	       (e->nested.write ? HADAL_ACCESS_WRITE : 0) |
	       (e->nested.execute ? HADAL_ACCESS_EXECUTE : 0);
}

/* HADAL_ACCESS_* as rights of pages. */
static inline uint32_t rights_of(uint32_t access)
{
	return (access & HADAL_ACCESS_READ ? PT_READ : 0) |
	       (access & HADAL_ACCESS_WRITE ? PT_WRITE : 0) |
	       (access & HADAL_ACCESS_EXECUTE ? PT_EXEC : 0);
}

/* The handler of nested faults. */
enum verdict watch_fault(struct vcpu *vcpu);

#endif
