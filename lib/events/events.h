/* SPDX-License-Identifier: MIT */
/*
 * Events of the running system: subscribe to them, and read their records. hadal/events.h tells
 * what there is. Not for several threads at once. Errors as in hadal.h.
 */
#ifndef HADAL_LIB_EVENTS_EVENTS_H
#define HADAL_LIB_EVENTS_EVENTS_H

#include <hadal/events.h>

#include "device/hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hadal_events;

/*
 * Opens a file of its own, with a ring of ring_bytes for each CPU (a power of two,
 * HADAL_RING_BYTES_MIN to HADAL_RING_BYTES_MAX). -ENOSPC: there are as many readers as there may
 * be.
 */
int hadal_events_open(struct hadal_events **events, uint32_t ring_bytes, struct hadal_error *error);

/* Ends all subscriptions; NULL is fine. */
void hadal_events_close(struct hadal_events *events);

/*
 * Returns the subscription's number, above 0. -EINVAL: what is asked for means nothing;
 * -EOPNOTSUPP: this processor cannot; -ENOSPC: a limit is reached; -ENXIO: no RAM, or not mapped;
 * -EACCES: the hypervisor's own memory; -EBUSY: HADAL_BREAK_VIEW while there are views; -ENOMEM.
 */
int hadal_events_subscribe(struct hadal_events *events, const struct hadal_subscription *asked,
			   struct hadal_error *error);
int hadal_events_unsubscribe(struct hadal_events *events, uint32_t subscription,
			     struct hadal_error *error);

/* What became of a subscription. -ENOENT. */
int hadal_events_state(struct hadal_events *events, uint32_t subscription,
		       struct hadal_subscription_state *state, struct hadal_error *error);
/* The same on one CPU. -ENOENT, -ENXIO: there is no such CPU. */
int hadal_events_state_on(struct hadal_events *events, uint32_t subscription, uint32_t cpu,
			  struct hadal_subscription_state *state, struct hadal_error *error);
/* Thousandths of the time of one CPU, or of all, that a subscription has cost; by a state. */
double hadal_events_share(const struct hadal_subscription_state *state, uint32_t cpus);
/* The same by place, 0 to HADAL_MAX_SUBSCRIPTIONS - 1, of whatever reader; -ENOENT: a free place.
 */
int hadal_events_state_at(struct hadal_events *events, uint32_t index,
			  struct hadal_subscription_state *state, struct hadal_error *error);

/*
 * The same for who reads no events. cpu: -1 for all together. -ENOENT, without a sentence: a free
 * place; -ENXIO: there is no such CPU.
 */
int hadal_subscription_at(struct hadal *hadal, uint32_t index, int cpu,
			  struct hadal_subscription_state *state, struct hadal_error *error);

/*
 * The oldest record that there is, in place: it is the reader's until the next call. NULL when
 * there is none.
 */
const struct hadal_event *hadal_events_next(struct hadal_events *events);

/*
 * Waits for a record, milliseconds at most (-1: for ever). Returns 1 when there is one, 0 when the
 * time is over or a signal came; -ENODEV: Hadal was stopped.
 */
int hadal_events_wait(struct hadal_events *events, int milliseconds, struct hadal_error *error);

/*
 * Answers a record with HADAL_RECORD_HELD: answer->subscription, cpu and time are the record's.
 * -ETIMEDOUT: nothing waits for it any more; -EINVAL; -EOPNOTSUPP: what is to be left out is not
 * known; -ERANGE: the processor would refuse answer->refused, an enum hadal_reg; -EBUSY: RFLAGS.IF
 * cannot be cleared now. After these the vCPU waits on.
 */
int hadal_events_answer(struct hadal_events *events, struct hadal_event_answer *answer,
			struct hadal_error *error);

/*
 * Views: the memory as those CPUs find it that are switched to one; hadal/events.h tells what that
 * means. Errors beside those told there: -ENXIO, -EACCES: not RAM, or the hypervisor's own.
 *
 * Makes a view that denies nothing; returns its number, above 0. -ENOSPC: there are as many as
 * there may be; -EBUSY: breakpoints of HADAL_BREAK_VIEW are there.
 */
int hadal_events_create_view(struct hadal_events *events, struct hadal_error *error);
/* -ENOENT: there is no such view of this reader's, as with those below. */
int hadal_events_destroy_view(struct hadal_events *events, uint32_t view,
			      struct hadal_error *error);
/*
 * Pages from a guest-physical address on have these HADAL_ACCESS_* there and no others; any number
 * of pages, and on an error those before the one that was wrong have them.
 */
int hadal_events_set_view_access(struct hadal_events *events, uint32_t view, uint64_t first,
				 uint64_t pages, uint32_t access, struct hadal_error *error);
/* The page at `page` shows there what is else at `shows`; or itself. -ENOSPC: too many do. */
int hadal_events_show_in_view(struct hadal_events *events, uint32_t view, uint64_t page,
			      uint64_t shows, struct hadal_error *error);
/* A CPU runs on a view from now on, or with 0 on none. -EBUSY: it is on another reader's. */
int hadal_events_switch_view(struct hadal_events *events, uint32_t view, uint32_t cpu,
			     struct hadal_error *error);

/* Records that found no room in the rings, of all subscriptions. */
uint64_t hadal_events_lost(const struct hadal_events *events);

/*
 * What a record has of one HADAL_CAPTURE_*, for what was asked by its subscription; NULL when it
 * has none, as notices.
 */
const void *hadal_event_part(const struct hadal_subscription *asked,
			     const struct hadal_event *event, uint32_t part);

/* For poll() beside other files. */
int hadal_events_fd(const struct hadal_events *events);

#ifdef __cplusplus
}
#endif

#endif
