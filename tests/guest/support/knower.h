/* SPDX-License-Identifier: MIT */
/* An owner that knows how many events there must be. */
#ifndef TESTS_GUEST_KNOWER_H
#define TESTS_GUEST_KNOWER_H

#include "support/subscriber.h"

/* Until shared->stop; the exit status of its process: 1 when a count is wrong. */
int knower_run(const struct scene *scene, uint64_t random, struct totals *totals);

#endif
