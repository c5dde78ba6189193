/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Waking readers of events. Who adds and removes holds readers_lock. */
#ifndef HADAL_LOADER_WAKE_H
#define HADAL_LOADER_WAKE_H

#include <linux/irq_work.h>
#include <linux/wait.h>
#include <hadal/events.h>

struct waker {
	struct irq_work work;
	wait_queue_head_t wait;
	struct hadal_ring_head *heads;
};

void waker_init(struct waker *waker, struct hadal_ring_head *heads);
/* From now on NMIs wake it. 0 or a negative errno. */
int waker_add(struct waker *waker);
/* On return nothing wakes it any more. One that was not added is fine. May sleep. */
void waker_remove(struct waker *waker);
/* Whether the hypervisor is to wake it at the next record. */
void waker_waits(struct waker *waker, bool waits);
/* The reader calls from this CPU, which is not to be held for it. */
void waker_is_here(struct waker *waker);

#endif
