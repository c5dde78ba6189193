/* SPDX-License-Identifier: MIT */
/* Subscriptions of all kinds, most of them possible, and what comes of them left alone. */
#ifndef TESTS_GUEST_WISHES_H
#define TESTS_GUEST_WISHES_H

#include <hadal/events.h>

#include "support/scene.h"

/* What changes nothing of what the workload finds, and lets it go on. */
void some_wish(uint64_t *random, const struct scene *scene, struct hadal_subscription *asked);
/* Bytes that mean nothing, or a wish with one of its fields changed. */
void odd_wish(uint64_t *random, const struct scene *scene, struct hadal_subscription *asked);
/* What a record is to have beside its fixed part. */
void some_captures(uint64_t *random, struct hadal_subscription *asked);

#endif
