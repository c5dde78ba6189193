/* SPDX-License-Identifier: MIT */
#ifndef HADAL_EVENTS_WATCH_H
#define HADAL_EVENTS_WATCH_H

#include "events/subscription.h"

/* 0, -EINVAL, -ENXIO (not RAM), -EACCES (the hypervisor's own), -ENOSPC (too many pages). */
int watch_check(const struct hadal_subscription *asked);

/* With events_lock held, before a subscription is in the table: 0, -ENOSPC, -ENOMEM. */
int watch_add(struct vcpu *vcpu, const struct hadal_subscription *asked);
/* With events_lock held, when it is there no more and no CPU runs on the view if it was the last.
 */
void watch_remove(struct vcpu *vcpu, const struct hadal_subscription *asked);

/* The handler of nested faults. */
enum verdict watch_fault(struct vcpu *vcpu);

#endif
