// SPDX-License-Identifier: MIT
/* Subscribes, reads, answers, ends, each at random. */
#include "support/subscriber.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "../unit/random.h"
#include "events/events.h"
#include "support/check.h"
#include "support/ring0.h"
#include "support/wishes.h"

#define SUBSCRIPTIONS 10u
#define RECORDS_MAX   2000u

struct subscriber {
	const struct scene *scene;
	struct totals *totals;
	struct hadal_events *events;
	uint64_t random;
	uint64_t lost;
	int numbers[SUBSCRIPTIONS];
};

static bool is_documented(int error)
{
	return error == -EINVAL || error == -EOPNOTSUPP || error == -ENOSPC || error == -ENXIO ||
	       error == -EACCES || error == -ENOMEM;
}

static void subscribe(struct subscriber *s, unsigned int slot)
{
	struct hadal_subscription asked;

	if (random_below(&s->random, 5))
		some_wish(&s->random, s->scene, &asked);
	else
		odd_wish(&s->random, s->scene, &asked);
	s->numbers[slot] = hadal_events_subscribe(s->events, &asked, NULL);
	if (s->numbers[slot] > 0) {
		TOTAL(s->totals->subscribed, 1);
		TOTAL(s->totals->kinds[asked.kind], 1);
		return;
	}
	if (!is_documented(s->numbers[slot]))
		check_equal(__FILE__, __LINE__, "an error", s->numbers[slot], -EINVAL);
	TOTAL(s->totals->refused, 1);
	s->numbers[slot] = 0;
}

static void unsubscribe(struct subscriber *s, unsigned int slot)
{
	struct hadal_subscription_state state;

	EQUAL(hadal_events_state(s->events, s->numbers[slot], &state, NULL), 0);
	EQUAL(state.subscription, s->numbers[slot]);
	CHECK(state.filtered + state.lost <= state.hits);
	EQUAL(hadal_events_unsubscribe(s->events, s->numbers[slot], NULL), 0);
	s->numbers[slot] = 0;
}

/* Lets it go on, in one way or another, now, late, or not at all. */
static void answer(struct subscriber *s, const struct hadal_event *event)
{
	struct hadal_event_answer answer = {
		.subscription = event->subscription,
		.cpu = event->cpu,
		.time = event->time,
	};
	int err;

	TOTAL(s->totals->held, 1);
	switch (random_below(&s->random, 8)) {
	case 0:
		return;
	case 1:
		usleep(random_below(&s->random, 5000));
		break;
	case 2:
		answer.step = 1;
		break;
	case 3: /* refused, and it waits on */
		answer.answer = HADAL_ANSWER_EXCEPTION + 100;
		err = hadal_events_answer(s->events, &answer, NULL);
		CHECK(err == -EINVAL || err == -ENOENT);
		answer.answer = HADAL_ANSWER_GO_ON;
		break;
	default:
		break;
	}
	err = hadal_events_answer(s->events, &answer, NULL);
	if (err == -ETIMEDOUT)
		TOTAL(s->totals->late, 1);
	else if (err != -ENOENT)
		EQUAL(err, 0);
}

static void read_some(struct subscriber *s)
{
	const struct hadal_event *event;
	unsigned int count = 0;

	while (count++ < RECORDS_MAX && (event = hadal_events_next(s->events))) {
		CHECK(event->bytes >= sizeof(*event) && event->bytes % 8 == 0);
		CHECK(event->kind < HADAL_EVENT_KINDS && event->cpu < SCENE_CPUS);
		CHECK(event->subscription);
		TOTAL(s->totals->records, 1);
		if (event->flags & HADAL_RECORD_HELD)
			answer(s, event);
	}
}

static void open_again(struct subscriber *s)
{
	int err;

	for (unsigned int i = 0; i < SUBSCRIPTIONS; i++)
		s->numbers[i] = 0;
	hadal_events_close(s->events);
	s->events = NULL;
	s->lost = 0;
	err = hadal_events_open(&s->events, 4096u << random_below(&s->random, 8), NULL);
	if (err && err != -ENOMEM)
		EQUAL(err, -ENOSPC);
}

int subscriber_run(const struct scene *scene, uint64_t random, struct totals *totals)
{
	struct subscriber s = {.scene = scene, .totals = totals, .random = random};

	CHECK(victim_reads_right(&scene->victim)); /* it is mapped here too from now on */
	if (random_below(&s.random, 2))
		pin_to_cpu(random_below(&s.random, scene->cpus));
	while (!scene->shared->stop) {
		unsigned int slot = random_below(&s.random, SUBSCRIPTIONS);

		if (!s.events || !random_below(&s.random, 300))
			open_again(&s);
		if (!s.events)
			continue;
		if (random_below(&s.random, 2))
			read_some(&s);
		if (!random_below(&s.random, 3)) {
			if (s.numbers[slot])
				unsubscribe(&s, slot);
			else
				subscribe(&s, slot);
		}
		TOTAL(totals->lost, hadal_events_lost(s.events) - s.lost);
		s.lost = hadal_events_lost(s.events);
		if (random_below(&s.random, 2))
			hadal_events_wait(s.events, random_below(&s.random, 20), NULL);
	}
	pause();
	return 0;
}
