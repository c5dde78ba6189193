// SPDX-License-Identifier: MIT
/* Subscriptions by calls of /dev/hadal, and records out of the rings without any. */
#include "events/events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "events/refusal.h"

struct hadal_events {
	int fd;
	uint32_t cpus;
	uint32_t ring_bytes;
	uint32_t taken_cpu;  /* whose record the reader has */
	uint32_t taken_size; /* its bytes; 0: none */
	const struct hadal_ring_head *heads;
	struct hadal_ring_tail *tails;
	struct ring {
		const uint8_t *bytes;
		uint64_t tail;
	} * rings;
};

static int call_error(struct hadal_error *error, int code, const char *what)
{
	switch (code) {
	case ENODEV:
		return hadal_fail_kind(error, code, HADAL_ERROR_NOT_RUNNING,
				       "Hadal is not running");
	case ENXIO:
		return hadal_fail(error, code, "%s: there is no RAM at that address", what);
	case EINVAL:
		return hadal_fail(error, code,
				  "%s: there are no such events, or too many are asked for at once",
				  what);
	case EOPNOTSUPP:
		return hadal_fail(error, code, "%s: this processor cannot report it", what);
	case ENOSPC:
		return hadal_fail(error, code,
				  "%s: there are as many subscriptions as are possible", what);
	case EACCES:
		return hadal_fail(error, code, "%s: that is the hypervisor's own memory", what);
	default:
		return hadal_fail(error, code, "%s: %s", what, strerror(code));
	}
}

static void *map(const struct hadal_events *events, uint64_t offset, uint64_t bytes, int protection)
{
	void *at =
		mmap(NULL, bytes, protection, MAP_SHARED, events->fd, HADAL_EVENTS_OFFSET + offset);

	return at == MAP_FAILED ? NULL : at;
}

/* 0 or a positive errno. */
static int map_all(struct hadal_events *events)
{
	events->heads =
		map(events, HADAL_EVENTS_HEADS, HADAL_EVENTS_ENDS_BYTES(events->cpus), PROT_READ);
	events->tails = map(events, HADAL_EVENTS_TAILS, HADAL_EVENTS_ENDS_BYTES(events->cpus),
			    PROT_READ | PROT_WRITE);
	if (!events->heads || !events->tails)
		return errno;
	for (uint32_t cpu = 0; cpu < events->cpus; cpu++) {
		events->rings[cpu].bytes =
			map(events, HADAL_EVENTS_RINGS + cpu * HADAL_EVENTS_RING_STRIDE,
			    events->ring_bytes, PROT_READ);
		if (!events->rings[cpu].bytes)
			return errno;
	}
	return 0;
}

int hadal_events_open(struct hadal_events **out, uint32_t ring_bytes, struct hadal_error *error)
{
	struct hadal_ioc_events_open request = {.version = HADAL_ABI_VERSION,
						.ring_bytes = ring_bytes};
	struct hadal_events *events = calloc(1, sizeof(*events));
	int code = 0;

	if (!events)
		return hadal_fail(error, ENOMEM, "Out of memory");
	events->ring_bytes = ring_bytes;
	events->fd = open("/dev/hadal", O_RDWR | O_CLOEXEC);
	if (events->fd < 0 || ioctl(events->fd, HADAL_IOC_EVENTS_OPEN, &request)) {
		code = errno;
	} else {
		events->cpus = request.cpu_count;
		events->rings = calloc(events->cpus, sizeof(*events->rings));
		code = events->rings ? map_all(events) : ENOMEM;
	}
	if (code) {
		hadal_events_close(events);
		return call_error(error, code, "Cannot ask for events");
	}
	*out = events;
	return 0;
}

void hadal_events_close(struct hadal_events *events)
{
	if (!events)
		return;
	for (uint32_t cpu = 0; events->rings && cpu < events->cpus; cpu++)
		if (events->rings[cpu].bytes)
			munmap((void *)events->rings[cpu].bytes, events->ring_bytes);
	if (events->tails)
		munmap(events->tails, HADAL_EVENTS_ENDS_BYTES(events->cpus));
	if (events->heads)
		munmap((void *)events->heads, HADAL_EVENTS_ENDS_BYTES(events->cpus));
	if (events->fd >= 0)
		close(events->fd);
	free(events->rings);
	free(events);
}

int hadal_events_subscribe(struct hadal_events *events, const struct hadal_subscription *asked,
			   struct hadal_error *error)
{
	struct hadal_ioc_subscribe request = {
		.version = HADAL_ABI_VERSION, .buffer = (uintptr_t)asked, .size = sizeof(*asked)};

	if (!ioctl(events->fd, HADAL_IOC_SUBSCRIBE, &request))
		return request.subscription;
	if (errno == EINVAL)
		return hadal_fail(error, EINVAL, "Cannot subscribe: %s",
				  hadal_events_refusal(asked));
	if (errno == EBUSY)
		return hadal_fail(error, EBUSY,
				  "Cannot put a breakpoint in a copy of its page while a program "
				  "has a view of memory: make it in a debug register, or end that "
				  "program");
	return call_error(error, errno, "Cannot subscribe");
}

int hadal_events_unsubscribe(struct hadal_events *events, uint32_t subscription,
			     struct hadal_error *error)
{
	struct hadal_ioc_subscribe request = {.version = HADAL_ABI_VERSION,
					      .subscription = subscription};

	if (ioctl(events->fd, HADAL_IOC_UNSUBSCRIBE, &request))
		return call_error(error, errno, "Cannot end a subscription");
	return 0;
}

/* cpu: 0: all together, else its index + 1. */
static int get_state(struct hadal_events *events, uint32_t subscription, uint32_t index,
		     uint32_t cpu, struct hadal_subscription_state *state,
		     struct hadal_error *error)
{
	struct hadal_ioc_subscribe request = {.version = HADAL_ABI_VERSION,
					      .subscription = subscription,
					      .index = index,
					      .cpu = cpu,
					      .buffer = (uintptr_t)state,
					      .size = sizeof(*state)};

	if (ioctl(events->fd, HADAL_IOC_SUBSCRIPTION, &request))
		return call_error(error, errno, "Cannot ask for a subscription's state");
	return 0;
}

int hadal_events_state(struct hadal_events *events, uint32_t subscription,
		       struct hadal_subscription_state *state, struct hadal_error *error)
{
	return get_state(events, subscription, 0, 0, state, error);
}

int hadal_events_state_on(struct hadal_events *events, uint32_t subscription, uint32_t cpu,
			  struct hadal_subscription_state *state, struct hadal_error *error)
{
	return get_state(events, subscription, 0, cpu + 1, state, error);
}

double hadal_events_share(const struct hadal_subscription_state *state, uint32_t cpus)
{
	return state->elapsed ? 1000.0 * state->ticks / state->elapsed / cpus : 0;
}

int hadal_events_state_at(struct hadal_events *events, uint32_t index,
			  struct hadal_subscription_state *state, struct hadal_error *error)
{
	return get_state(events, 0, index, 0, state, error);
}

static void give_back(struct hadal_events *events)
{
	uint32_t cpu = events->taken_cpu;

	if (!events->taken_size)
		return;
	events->rings[cpu].tail += events->taken_size;
	events->taken_size = 0;
	__atomic_store_n(&events->tails[cpu].tail, events->rings[cpu].tail, __ATOMIC_RELEASE);
}

/* The next record of one ring, behind what fills its end; NULL when there is none. */
static const struct hadal_event *first_of(struct hadal_events *events, uint32_t cpu)
{
	uint64_t head = __atomic_load_n(&events->heads[cpu].head, __ATOMIC_ACQUIRE);

	while (events->rings[cpu].tail != head) {
		const struct hadal_event *event =
			(const void *)(events->rings[cpu].bytes +
				       (events->rings[cpu].tail & (events->ring_bytes - 1)));

		if (event->bytes > 8 && event->subscription != HADAL_NO_SUBSCRIPTION)
			return event;
		events->rings[cpu].tail += event->bytes;
	}
	return NULL;
}

const struct hadal_event *hadal_events_next(struct hadal_events *events)
{
	const struct hadal_event *oldest = NULL;

	give_back(events);
	for (uint32_t cpu = 0; cpu < events->cpus; cpu++) {
		const struct hadal_event *event = first_of(events, cpu);

		if (event && (!oldest || event->time < oldest->time)) {
			oldest = event;
			events->taken_cpu = cpu;
		}
	}
	if (oldest)
		events->taken_size = oldest->bytes;
	return oldest;
}

int hadal_events_wait(struct hadal_events *events, int milliseconds, struct hadal_error *error)
{
	struct pollfd fd = {.fd = events->fd, .events = POLLIN};
	int ready;

	give_back(events);
	ready = poll(&fd, 1, milliseconds);
	if (ready < 0)
		return errno == EINTR ? 0 : call_error(error, errno, "Cannot wait for events");
	if (ready && !(fd.revents & POLLIN))
		return call_error(error, ENODEV, "No more events");
	return ready;
}

int hadal_events_answer(struct hadal_events *events, struct hadal_event_answer *answer,
			struct hadal_error *error)
{
	struct hadal_ioc_event_answer request = {
		.version = HADAL_ABI_VERSION, .buffer = (uintptr_t)answer, .size = sizeof(*answer)};

	if (!ioctl(events->fd, HADAL_IOC_EVENT_ANSWER, &request))
		return 0;
	answer->refused = request.refused;
	if (errno == ETIMEDOUT)
		return hadal_fail(error, ETIMEDOUT,
				  "Cannot answer an event: its CPU does not wait for it any more");
	if (errno == EOPNOTSUPP)
		return hadal_fail(error, EOPNOTSUPP,
				  "Cannot answer an event: what is to be left out is not known");
	return call_error(error, errno, "Cannot answer an event");
}

uint64_t hadal_events_lost(const struct hadal_events *events)
{
	uint64_t lost = 0;

	for (uint32_t cpu = 0; cpu < events->cpus; cpu++)
		lost += __atomic_load_n(&events->heads[cpu].lost, __ATOMIC_RELAXED);
	return lost;
}

int hadal_events_fd(const struct hadal_events *events)
{
	return events->fd;
}
