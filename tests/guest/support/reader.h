/* SPDX-License-Identifier: MIT */
/* What a test has open that reads events of what it does itself, on one CPU. */
#ifndef TESTS_GUEST_READER_H
#define TESTS_GUEST_READER_H

#include "support/ring0.h"
#include "support/subscribe.h"

/* Each of these ends the program with a message when it does not work. */

struct reader {
	struct hadal_events *events;
	struct hadal_event last; /* that reader_read() met */
	struct arena arena;
	int device; /* /dev/hadal_test */
};

/* Stays on CPU 0. ring_bytes: of each CPU's ring. */
void reader_open(struct reader *reader, uint64_t ring_bytes);
/* Its number. The records have a cookie, whatever was asked for. */
int reader_subscribe(struct reader *reader, const struct hadal_subscription *asked);
/* Reads all that there is, which must be this subscription's, in the order of time. How many. */
unsigned int reader_read(struct reader *reader, int number);
/* Ends a subscription that has lost nothing; what it counted. */
struct hadal_subscription_state reader_end(struct reader *reader, int number);

#endif
