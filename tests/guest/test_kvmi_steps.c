// SPDX-License-Identifier: MIT
/*
 * A CPU that is stepped by way of `hadal kvmi` from when the introspector asks for it, without an
 * event: while it runs and while it is paused. It gets its interrupts all the same. In a guest as
 * root with two CPUs, with Hadal started.
 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "support/check.h"
#include "support/introspector.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define STEPS 200u
#define NAPS  10u

/* Without a call or jump out of it, so that each step is in here. */
static volatile uint64_t counter;
static volatile unsigned int naps;

static void *count(void *unused)
{
	pin_to_cpu(1);
	for (;;)
		counter++;
	return unused;
}

/* Wakes by CPU 1's timer alone. */
static void *nap(void *unused)
{
	const struct timespec time = {.tv_nsec = 5000000};

	pin_to_cpu(1);
	for (;; naps++)
		nanosleep(&time, NULL);
	return unused;
}

/* The next message is an event, which is told of; else false, and it is an answer. */
static bool next_is_event(struct kvmi_event *event, uint32_t *seq, struct kvmi_header *header)
{
	uint8_t special[16];

	peer_receive(header, sizeof(*header));
	if (header->id != KVMI_EVENT)
		return false;
	CHECK(header->size >= sizeof(*event) && header->size <= sizeof(*event) + sizeof(special));
	peer_receive(event, sizeof(*event));
	if (header->size > sizeof(*event))
		peer_receive(special, header->size - sizeof(*event));
	*seq = header->seq;
	return true;
}

/* The answer, before which events may come that are answered. */
static int ask(uint16_t id, const void *body, size_t bytes)
{
	struct kvmi_header header;
	struct kvmi_error error;
	struct kvmi_event event;
	uint32_t seq;

	peer_send(id, body, bytes);
	while (next_is_event(&event, &seq, &header))
		peer_reply(event.vcpu, seq, KVMI_ACTION_CONTINUE, event.event, NULL, 0);
	EQUAL(header.id, id);
	EQUAL(header.size, sizeof(error));
	peer_receive(&error, sizeof(error));
	return error.error;
}

static int control(unsigned int cpu, bool enable)
{
	const struct kvmi_control_singlestep request = {.vcpu.vcpu = (uint16_t)cpu,
							.enable = enable};

	return ask(KVMI_CONTROL_SINGLESTEP, &request, sizeof(request));
}

/* Each event is a step of CPU 1; most are in the loop, one instruction after the other. */
static void check_steps(void)
{
	const uint64_t loop = (uint64_t)(uintptr_t)count;
	unsigned int in_loop = 0, moved = 0, naps_before = naps;
	uint64_t last = 0, before = counter;
	struct kvmi_header header;
	struct kvmi_event event;
	uint32_t seq;

	for (unsigned int i = 0; i < STEPS || naps < naps_before + NAPS; i++) {
		CHECK(next_is_event(&event, &seq, &header));
		EQUAL(event.vcpu, 1);
		EQUAL(event.event, KVMI_EVENT_SINGLESTEP);
		if (event.regs.rip - loop < 256) {
			in_loop++;
			moved += event.regs.rip != last;
		}
		last = event.regs.rip;
		peer_reply(1, seq, KVMI_ACTION_CONTINUE, event.event, NULL, 0);
	}
	CHECK(in_loop > STEPS / 4);
	CHECK(moved >= in_loop / 2);
	CHECK(counter != before);
}

static void check_running(void)
{
	EQUAL(control(1, true), 0);
	check_steps();
	EQUAL(control(1, false), 0);
}

/* As LibVMI's example does it. */
static void check_paused(void)
{
	const struct kvmi_pause pause = {.vcpu.vcpu = 1, .wait = 1};
	struct kvmi_header header;
	struct kvmi_event event;
	uint32_t seq;

	EQUAL(ask(KVMI_PAUSE_VCPU, &pause, sizeof(pause)), 0);
	CHECK(next_is_event(&event, &seq, &header));
	EQUAL(event.event, KVMI_EVENT_PAUSE_VCPU);
	EQUAL(control(1, true), 0);
	peer_reply(1, seq, KVMI_ACTION_CONTINUE, KVMI_EVENT_PAUSE_VCPU, NULL, 0);
	check_steps();
	EQUAL(control(1, false), 0);
}

/* Nothing of the introspector's own CPU is told, and nothing after the end. */
static void check_silence(void)
{
	const struct timespec time = {.tv_nsec = 600000000};

	EQUAL(control(0, true), 0);
	nanosleep(&time, NULL);
	peer_is_silent();
	EQUAL(control(0, false), 0);
}

int main(void)
{
	struct hadal *hadal = open_hadal();
	pthread_t thread;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pin_to_cpu(0);
	CHECK(!pthread_create(&thread, NULL, count, NULL));
	CHECK(!pthread_create(&thread, NULL, nap, NULL));
	peer_begin();
	EQUAL(peer_control_events(0, KVMI_EVENT_SINGLESTEP, true), 0);
	EQUAL(peer_control_events(1, KVMI_EVENT_SINGLESTEP, true), 0);
	check_running();
	check_paused();
	check_silence();
	/* It ends while a CPU is stepped. */
	EQUAL(control(1, true), 0);
	check_steps();
	peer_end();
	expect_no_subscription(hadal);
	return 0;
}
