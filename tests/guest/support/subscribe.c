// SPDX-License-Identifier: MIT
/* Subscriptions to what hadal_test.ko does. */
#include "support/subscribe.h"

#include <errno.h>

#include "support/check.h"

uint64_t have_done(int device, enum hadal_test_action action, uint64_t number, uint64_t value,
		   uint32_t count)
{
	struct hadal_test_act request = {action, count, number, value};

	CHECK(!ioctl(device, HADAL_TEST_ACT, &request));
	return request.value;
}

struct hadal_subscription to_marked(enum hadal_event_kind kind, uint32_t access, uint64_t first,
				    uint64_t count)
{
	return (struct hadal_subscription){
		.kind = kind,
		.access = access,
		.first = first,
		.count = count,
		.clause_count = 1,
		.clause = {{.value = HADAL_FILTER_REGISTER,
			    .index = HADAL_REG_RAX + 3, /* RBX */
			    .mask = ~0ull,
			    .operand = HADAL_TEST_MARK}},
	};
}

struct hadal_subscription to_cstar(void)
{
	return to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE, MSR_CSTAR, 1);
}

struct hadal_subscription to_memory(uint64_t address, uint64_t bytes, uint32_t access)
{
	return (struct hadal_subscription){
		.kind = HADAL_EVENT_MEMORY,
		.access = access,
		.first = address,
		.count = bytes,
	};
}

uint32_t subscribe_to(struct hadal_events *events, const struct hadal_subscription *asked)
{
	struct hadal_error error;
	int number = hadal_events_subscribe(events, asked, &error);

	if (number < 0) {
		printf("subscribe kind %u: %s\n", asked->kind, error.text);
		exit(1);
	}
	return number;
}

struct hadal_subscription_state state_of(struct hadal_events *events, uint32_t subscription)
{
	struct hadal_subscription_state state;

	CHECK(!hadal_events_state(events, subscription, &state, NULL));
	return state;
}

unsigned int count_subscriptions(struct hadal *hadal)
{
	struct hadal_subscription_state state;
	unsigned int count = 0;

	for (unsigned int i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		count += !hadal_subscription_at(hadal, i, -1, &state, NULL);
	return count;
}

void expect_no_subscription(struct hadal *hadal)
{
	struct hadal_subscription_state state;

	for (unsigned int i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		EQUAL(hadal_subscription_at(hadal, i, -1, &state, NULL), -ENOENT);
}

void unsubscribe_from(struct hadal_events *events, uint32_t subscription)
{
	CHECK(!hadal_events_unsubscribe(events, subscription, NULL));
}

struct told read_told(struct hadal_events *events, uint32_t subscription)
{
	const struct hadal_event *event;
	struct told told = {0};

	while ((event = hadal_events_next(events))) {
		EQUAL(event->subscription, subscription);
		if (event->kind == HADAL_EVENT_NOTICE) {
			told.notices++;
			told.notice = *event;
		} else {
			told.records++;
			told.last = *event;
		}
	}
	return told;
}
