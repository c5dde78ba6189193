// SPDX-License-Identifier: MIT
/* What a test has open that reads events of what it does itself, on one CPU. */
#include "support/reader.h"

#include <errno.h>

#include "support/check.h"

#define COOKIE 0x1234

void reader_open(struct reader *reader, uint64_t ring_bytes)
{
	reader->device = ring0_open(&reader->arena);
	pin_to_cpu(0);
	CHECK(!hadal_events_open(&reader->events, ring_bytes, NULL));
}

int reader_subscribe(struct reader *reader, const struct hadal_subscription *asked)
{
	struct hadal_subscription with_cookie = *asked;

	with_cookie.cookie = COOKIE;
	return subscribe_to(reader->events, &with_cookie);
}

unsigned int reader_read(struct reader *reader, int number)
{
	const struct hadal_event *event;
	unsigned int count = 0;
	uint64_t time = 0;

	while ((event = hadal_events_next(reader->events))) {
		CHECK(event->bytes >= sizeof(*event) && event->bytes % 8 == 0);
		EQUAL(event->subscription, number);
		EQUAL(event->cookie, COOKIE);
		CHECK(event->time >= time);
		time = event->time;
		reader->last = *event;
		count++;
	}
	return count;
}

struct hadal_subscription_state reader_end(struct reader *reader, int number)
{
	const struct hadal_subscription_state state = state_of(reader->events, number);
	struct hadal_subscription_state none;

	unsubscribe_from(reader->events, number);
	EQUAL(hadal_events_unsubscribe(reader->events, number, NULL), -ENOENT);
	EQUAL(hadal_events_state(reader->events, number, &none, NULL), -ENOENT);
	EQUAL(state.lost, 0);
	return state;
}
