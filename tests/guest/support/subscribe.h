/* SPDX-License-Identifier: MIT */
/* Subscriptions to what hadal_test.ko does, for tests that want events to come. */
#ifndef TESTS_GUEST_SUBSCRIBE_H
#define TESTS_GUEST_SUBSCRIBE_H

#include "events/events.h"
#include "module/hadal_test.h"

#define MSR_CSTAR 0xc0000083u

/* Each of these ends the program with a message when it does not work. */

/* Has /dev/hadal_test do something so many times; the value of the last time. */
uint64_t have_done(int device, enum hadal_test_action action, uint64_t number, uint64_t value,
		   uint32_t count);
/* What have_done() does, and nobody else. */
struct hadal_subscription to_marked(enum hadal_event_kind kind, uint32_t access, uint64_t first,
				    uint64_t count);
/* The same for RDMSR and WRMSR of CSTAR. */
struct hadal_subscription to_cstar(void);
/* Accesses of [address, + bytes). */
struct hadal_subscription to_memory(uint64_t address, uint64_t bytes, uint32_t access);
uint32_t subscribe_to(struct hadal_events *events, const struct hadal_subscription *asked);
struct hadal_subscription_state state_of(struct hadal_events *events, uint32_t subscription);
/* How many there are, of whatever owner; and that there is none. */
unsigned int count_subscriptions(struct hadal *hadal);
void expect_no_subscription(struct hadal *hadal);
void unsubscribe_from(struct hadal_events *events, uint32_t subscription);

/* What the rings have of a subscription. */
struct told {
	unsigned int records, notices;
	struct hadal_event last, notice; /* the last one of each */
};
struct told read_told(struct hadal_events *events, uint32_t subscription);

#endif
