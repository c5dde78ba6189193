/* SPDX-License-Identifier: MIT */
/* An owner of random subscriptions, which reads, answers, or does not. */
#ifndef TESTS_GUEST_SUBSCRIBER_H
#define TESTS_GUEST_SUBSCRIBER_H

#include <hadal/events.h>

#include "support/scene.h"

/* Shared by all processes, counted atomically. */
struct totals {
	uint64_t subscribed, refused, killed, records, lost, held, late;
	uint64_t known_rounds, known;
	uint64_t kinds[HADAL_EVENT_KINDS]; /* subscriptions */
};

#define TOTAL(member, count) __atomic_fetch_add(&(member), count, __ATOMIC_RELAXED)

/* Until it is killed, or shared->stop; the exit status of its process. */
int subscriber_run(const struct scene *scene, uint64_t random, struct totals *totals);

#endif
