// SPDX-License-Identifier: MIT
/*
 * test_fuzz_events SECONDS [SEED]: random subscriptions of several owners come and go, some of them
 * killed in the middle, while both CPUs do what is known to the last result, and while a breakpoint
 * or a watch counts what is known to the last event. In a guest as root, with Hadal started.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/random.h"
#include "events/events.h"
#include "support/check.h"
#include "support/knower.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/scene.h"
#include "support/subscribe.h"
#include "support/subscriber.h"

#define OWNERS 3u

enum { FIRST_OWNER = SCENE_CPUS + 1, CHILDREN = FIRST_OWNER + OWNERS };

static struct scene scene;
static pid_t children[CHILDREN];
static struct totals *totals;
static struct hadal *hadal;

static uint64_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static void start(unsigned int which, uint64_t random, const char *program)
{
	struct hadal_error error;
	pid_t child = fork();
	uint64_t root = 0;
	int status;

	CHECK(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (which < SCENE_CPUS)
			status = worker_run(&scene, which, random, program);
		else if (which == SCENE_CPUS)
			status = knower_run(&scene, random, totals);
		else
			status = subscriber_run(&scene, random, totals);
		exit(status);
	}
	children[which] = child;
	if (which <= SCENE_CPUS && !hadal_process_root(hadal, child, &root, &error))
		scene.shared->roots[which] = root;
}

/* None of them ends by itself, but for an error. */
static void check_children(void)
{
	int status;
	pid_t child = waitpid(-1, &status, WNOHANG);

	if (child <= 0)
		return;
	for (unsigned int i = 0; i < CHILDREN; i++)
		if (children[i] == child)
			printf("child %u ended with status %#x\n", i, status);
	exit(1);
}

static void check_progress(uint64_t now, uint64_t patience)
{
	static uint64_t seen[SCENE_CPUS], since[SCENE_CPUS];

	for (unsigned int i = 0; i < SCENE_CPUS; i++) {
		if (seen[i] != scene.shared->rounds[i] || !since[i]) {
			seen[i] = scene.shared->rounds[i];
			since[i] = now;
		}
		if (now - since[i] > patience) {
			printf("the work on CPU %u stands still\n", i);
			exit(1);
		}
	}
}

static void end_owner(unsigned int which)
{
	int status;

	kill(children[which], SIGKILL);
	EQUAL(waitpid(children[which], &status, 0), children[which]);
	if (!WIFSIGNALED(status)) {
		printf("owner %u ended with status %#x\n", which, status);
		exit(1);
	}
	totals->killed++;
}

static void wait_for(unsigned int which)
{
	int status;

	EQUAL(waitpid(children[which], &status, 0), children[which]);
	EQUAL(status, 0);
}

/* Exits that there are only while somebody subscribes. */
static uint64_t event_exits(void)
{
	static const uint8_t kinds[] = {HADAL_EXIT_NESTED_FAULT, HADAL_EXIT_DR_ACCESS,
					HADAL_EXIT_IO, HADAL_EXIT_DESCRIPTOR, HADAL_EXIT_INTERRUPT};
	struct hadal_stats stats;
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < scene.cpus; cpu++) {
		CHECK(!hadal_stats(hadal, cpu, &stats, NULL));
		EQUAL(stats.faults, 0);
		for (size_t i = 0; i < sizeof(kinds); i++)
			sum += stats.exits[kinds[i]];
	}
	return sum;
}

/* Within a second all is gone that was asked for. */
static void check_nothing_left(void)
{
	uint64_t before;

	sleep(1);
	expect_no_subscription(hadal);
	before = event_exits();
	for (unsigned int i = 0; i < victim_pieces(); i++) {
		uint64_t scratch[4];

		CHECK(victim_call(&scene.victim, i, i, scratch));
	}
	CHECK(victim_reads_right(&scene.victim));
	EQUAL(event_exits(), before);
}

static void fuzz(uint64_t end, uint64_t patience, uint64_t *random, const char *program)
{
	while (seconds() < end) {
		unsigned int which = FIRST_OWNER + random_below(random, OWNERS);

		usleep(1000 * random_below(random, 300));
		check_children();
		check_progress(seconds(), patience);
		if (random_below(random, 3))
			continue;
		end_owner(which);
		start(which, random_next(random), program);
	}
}

static void tell(void)
{
	printf("%" PRIu64 " subscriptions, %" PRIu64 " refused, %" PRIu64 " owners killed, %" PRIu64
	       " records, %" PRIu64 " lost, %" PRIu64 " held, %" PRIu64 " late\n",
	       totals->subscribed, totals->refused, totals->killed, totals->records, totals->lost,
	       totals->held, totals->late);
	printf("known: %" PRIu64 " rounds of %" PRIu64 " events; the workload: %" PRIu64
	       " and %" PRIu64 " rounds\n",
	       totals->known_rounds, totals->known, scene.shared->rounds[0],
	       scene.shared->rounds[1]);
	for (unsigned int kind = 1; kind < HADAL_EVENT_KINDS; kind++)
		printf(" %" PRIu64, totals->kinds[kind]);
	printf(" of each kind\n");
}

int main(int argc, char **argv)
{
	uint64_t length = argc > 1 ? strtoull(argv[1], NULL, 0) : 30;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0, random;

	if (argc > 2 && !strcmp(argv[1], "child"))
		return worker_child(seed);
	if (!seed)
		CHECK(getrandom(&seed, 4, 0) == 4);
	random = seed |= 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("repeat this with: test_fuzz_events %" PRIu64 " %" PRIu64 "\n", length, seed);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	CHECK(totals != MAP_FAILED);
	hadal = open_hadal();
	scene_open(&scene);
	for (unsigned int i = 0; i < CHILDREN; i++)
		start(i, random_next(&random), argv[0]);
	fuzz(seconds() + length, getenv("TEST_SLOW") ? 120 : 30, &random, argv[0]);
	scene.shared->stop = true;
	for (unsigned int i = FIRST_OWNER; i < CHILDREN; i++)
		end_owner(i);
	for (unsigned int i = 0; i < FIRST_OWNER; i++)
		wait_for(i);
	tell();
	EQUAL(scene.shared->added, 3 * (scene.shared->to_add[0] + scene.shared->to_add[1]));
	EQUAL(scene.victim.words[8], 5 * (scene.shared->to_add[0] + scene.shared->to_add[1]));
	check_nothing_left();
	hadal_close(hadal);
	return 0;
}
