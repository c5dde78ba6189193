// SPDX-License-Identifier: MIT
/*
 * The rings that events come in: full ones, a reader's tail that lies, waiting, and the end of a
 * reader that is killed. In a guest as root, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/reader.h"

#define RING_BYTES (1u << 18)

static struct reader reader;

/* A ring that nobody reads is full at last, and every record that it has no room for is counted. */
static void check_overflow(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription_state state;
	uint64_t lost = hadal_events_lost(reader.events);
	unsigned int fits = (RING_BYTES - HADAL_RING_NOTICES) / sizeof(struct hadal_event);
	unsigned int got = 0;
	int number = reader_subscribe(&reader, &asked);

	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 2 * fits);
	CHECK(!hadal_events_state(reader.events, number, &state, NULL));
	got = reader_read(&reader, number);
	CHECK(got >= fits - 1 && got <= fits);
	EQUAL(state.hits, 2 * fits);
	EQUAL(state.lost, 2 * fits - got);
	EQUAL(hadal_events_lost(reader.events) - lost, 2 * fits - got);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, fits / 2);
	EQUAL(reader_read(&reader, number), fits / 2);
	CHECK(!hadal_events_unsubscribe(reader.events, number, NULL));
}

/* A tail that lies makes a full ring, no more. */
static void check_tail(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	int fd = hadal_events_fd(reader.events), number = reader_subscribe(&reader, &asked);
	struct hadal_ring_tail *tails =
		mmap(NULL, HADAL_EVENTS_ENDS_BYTES(1), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		     HADAL_EVENTS_OFFSET + HADAL_EVENTS_TAILS);
	static const uint64_t lies[] = {1, 1ull << 63, 1ull << 40, RING_BYTES};
	struct hadal_subscription_state state;
	uint64_t truth;

	CHECK(tails != MAP_FAILED);
	truth = tails[0].tail;
	for (unsigned int i = 0; i < 4; i++) {
		tails[0].tail = truth + lies[i];
		have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	}
	tails[0].tail = truth;
	CHECK(!hadal_events_state(reader.events, number, &state, NULL));
	EQUAL(state.lost, 4);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	EQUAL(reader_read(&reader, number), 1);
	CHECK(!hadal_events_unsubscribe(reader.events, number, NULL));
	/* What is the hypervisor's to write is not the reader's. */
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, HADAL_EVENTS_OFFSET) ==
	      MAP_FAILED);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   HADAL_EVENTS_OFFSET + HADAL_EVENTS_RINGS) == MAP_FAILED);
	CHECK(mmap(NULL, 2 * RING_BYTES, PROT_READ, MAP_SHARED, fd,
		   HADAL_EVENTS_OFFSET + HADAL_EVENTS_RINGS) == MAP_FAILED);
	munmap(tails, HADAL_EVENTS_ENDS_BYTES(1));
}

/* A reader that is killed takes all of it along. */
static void check_kill(void)
{
	struct hadal_subscription_state state;
	int child = fork(), status, fds[2];
	char byte;

	CHECK(child >= 0);
	CHECK(!pipe(fds));
	if (!child)
		pause();
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	child = fork();
	if (!child) {
		struct hadal_subscription asked =
			to_marked(HADAL_EVENT_CR, HADAL_ACCESS_WRITE, 1u << 3, 0);

		asked.clause_count = 0;
		CHECK(!hadal_events_open(&reader.events, RING_BYTES, NULL));
		reader_subscribe(&reader, &asked);
		CHECK(write(fds[1], "x", 1) == 1);
		pause();
	}
	CHECK(read(fds[0], &byte, 1) == 1);
	CHECK(!hadal_events_state_at(reader.events, 0, &state, NULL));
	EQUAL(state.kind, HADAL_EVENT_CR);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	for (unsigned int i = 0; i < HADAL_MAX_SUBSCRIPTIONS; i++)
		EQUAL(hadal_events_state_at(reader.events, i, &state, NULL), -ENOENT);
}

static void check_wait(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	int number = reader_subscribe(&reader, &asked), child;

	EQUAL(hadal_events_wait(reader.events, 20, NULL), 0);
	child = fork();
	if (!child) {
		usleep(50000);
		have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
		_exit(0);
	}
	EQUAL(hadal_events_wait(reader.events, 60000, NULL), 1);
	EQUAL(reader_read(&reader, number), 1);
	waitpid(child, NULL, 0);
	reader_end(&reader, number);
}

int main(void)
{
	reader_open(&reader, RING_BYTES);
	check_overflow();
	check_tail();
	check_wait();
	check_kill();
	hadal_events_close(reader.events);
	return 0;
}
