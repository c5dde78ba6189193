/* SPDX-License-Identifier: MIT */
/* Why the hypervisor refuses a subscription with -EINVAL. */
#ifndef HADAL_LIB_EVENTS_REFUSAL_H
#define HADAL_LIB_EVENTS_REFUSAL_H

#include <hadal/events.h>

/* A sentence about the first thing that is wrong, without a point. */
const char *hadal_events_refusal(const struct hadal_subscription *asked);

#endif
