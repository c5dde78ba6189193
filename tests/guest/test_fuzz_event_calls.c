// SPDX-License-Identifier: MIT
/*
 * test_fuzz_event_calls COUNT [SEED]: random and hostile calls about events, of /dev/hadal and as
 * hypercalls. Each fails with a documented error only, and then nothing has changed; at the end
 * nothing is left. In a guest as root, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "../unit/random.h"
#include "events/events.h"
#include "support/check.h"
#include "support/hostile.h"
#include "support/open.h"
#include "support/region.h"
#include "support/subscribe.h"
#include "support/wishes.h"

#define KEPT_MAX 24u /* subscriptions at once: others have to have room too */

enum call { OPEN, SUBSCRIBE, UNSUBSCRIBE, STATE, ANSWER, HYPERCALL, CALLS };

static struct world world;
static struct model model = {.world = &world, .current_levels = 4};
static struct scene scene;
static struct hadal *hadal;
static uint64_t random_state;
static int device = -1;
static uint32_t kept[KEPT_MAX];
static unsigned int kept_count;
static uint64_t done_of[CALLS], failed_of[CALLS];

static uint64_t below(uint64_t limit)
{
	return random_below(&random_state, limit);
}

static void open_again(void)
{
	if (device >= 0)
		close(device);
	device = open_device();
	kept_count = 0;
	EQUAL(count_subscriptions(hadal), 0);
}

static bool is_documented(int error)
{
	static const int documented[] = {EINVAL, EFAULT, ENXIO,      EACCES, EPROTO,   EEXIST,
					 ENOENT, ENOMEM, EOPNOTSUPP, ENOSPC, ETIMEDOUT};

	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++)
		if (documented[i] == error)
			return true;
	return false;
}

/* Where a struct is: mostly in the region, else anywhere that is not the program's own. */
static uint64_t buffer_with(const void *what, size_t bytes)
{
	uint64_t pointer;

	if (below(8)) {
		memcpy(region, what, bytes);
		return (uintptr_t)region;
	}
	do
		pointer = some_pointer(&random_state, &world);
	while (!is_harmless_pointer(pointer));
	return pointer;
}

static uint64_t size_or_not(uint64_t size)
{
	return below(12) ? size : hostile_length(&random_state);
}

static uint32_t version(void)
{
	return below(20) ? HADAL_ABI_VERSION : random_next(&random_state);
}

static int do_open(void)
{
	struct hadal_ioc_events_open request = {
		.version = version(),
		.ring_bytes = below(3) ? 4096u << below(6) : random_next(&random_state),
		.reserved = !below(8),
	};

	return ioctl(device, HADAL_IOC_EVENTS_OPEN, &request) ? errno : 0;
}

static int do_subscribe(void)
{
	struct hadal_ioc_subscribe request = {.version = version()};
	struct hadal_subscription asked;

	if (kept_count == KEPT_MAX)
		open_again();
	if (below(3))
		odd_wish(&random_state, &scene, &asked);
	else
		some_wish(&random_state, &scene, &asked);
	request.buffer = buffer_with(&asked, sizeof(asked));
	request.size = size_or_not(sizeof(asked));
	request.subscription = below(16) ? 0 : random_next(&random_state);
	request.index = !below(16);
	/* What lies elsewhere is perhaps a wish of an earlier call. */
	if (ioctl(device, HADAL_IOC_SUBSCRIBE, &request))
		return errno;
	kept[kept_count++] = request.subscription;
	return 0;
}

static int do_unsubscribe(void)
{
	unsigned int which = kept_count ? below(kept_count) : 0;
	struct hadal_ioc_subscribe request = {
		.version = version(),
		.subscription = kept_count && below(2) ? kept[which] : random_next(&random_state),
		.buffer = !below(16),
	};

	if (ioctl(device, HADAL_IOC_UNSUBSCRIBE, &request))
		return errno;
	CHECK(kept_count && request.subscription == kept[which]);
	kept[which] = kept[--kept_count];
	return 0;
}

static int do_state(void)
{
	struct hadal_subscription_state state = {0};
	struct hadal_ioc_subscribe request = {
		.version = version(),
		.subscription = kept_count && below(2) ? kept[below(kept_count)] : !below(4),
		.index = below(2) ? below(80) : 0,
		.cpu = below(4),
		.size = size_or_not(sizeof(state)),
		.buffer = buffer_with(&state, sizeof(state)),
	};

	return ioctl(device, HADAL_IOC_SUBSCRIPTION, &request) ? errno : 0;
}

/* Nothing waits here, so that each is refused. */
static int do_answer(void)
{
	struct hadal_event_answer answer;
	struct hadal_ioc_event_answer request = {.version = version()};
	int error;

	for (size_t i = 0; i < sizeof(answer); i++)
		((uint8_t *)&answer)[i] = below(3) ? 0 : random_next(&random_state) >> 20;
	if (kept_count && below(2))
		answer.subscription = kept[below(kept_count)];
	if (below(2))
		answer.cpu = below(2);
	request.buffer = buffer_with(&answer, sizeof(answer));
	request.size = size_or_not(sizeof(answer));
	error = ioctl(device, HADAL_IOC_EVENT_ANSWER, &request) ? errno : 0;
	CHECK(error);
	return error;
}

/* A guest-physical address that the image may be told to read or write at: only what is ours, or
 * what it has to refuse. */
static uint64_t some_physical(void)
{
	uint64_t address;

	if (below(2))
		return world.arena.physical + below(HADAL_TEST_ARENA_BYTES);
	do
		address = hostile_address(&model, &random_state);
	while (world_place(&world, address) == PLACE_RAM ||
	       world_place(&world, address + PAGE) == PLACE_RAM);
	return address;
}

/* By its number nobody is an owner, and as an owner's memory nothing here will do. */
static int do_hypercall(void)
{
	static const uint8_t numbers[] = {HADAL_CALL_EVENTS_OPEN,        HADAL_CALL_EVENTS_CLOSE,
					  HADAL_CALL_SUBSCRIBE,          HADAL_CALL_UNSUBSCRIBE,
					  HADAL_CALL_SUBSCRIPTION_STATE, HADAL_CALL_EVENT_REQUEST,
					  HADAL_CALL_EVENT_ANSWER};
	static const uint16_t sizes[] = {
		sizeof(struct hadal_events_memory), sizeof(struct hadal_subscription),
		sizeof(struct hadal_subscription_state), sizeof(struct hadal_event_answer)};
	uint64_t number = numbers[below(sizeof(numbers))];
	uint64_t owner = HADAL_MAX_OWNERS + 1 + (random_next(&random_state) >> below(64));
	uint64_t size = below(4) ? sizes[below(4)] : hostile_length(&random_state);
	struct hadal_events_memory *memory = (void *)world.arena.bytes;
	int64_t result;

	memset(world.arena.bytes, 0, sizeof(*memory));
	*memory = (struct hadal_events_memory){
		.ring_bytes = 4096u << below(4),
		.cpu_count = below(4) ? 2 : random_next(&random_state),
		.heads = some_physical() & (below(4) ? -PAGE : -1ull),
		.tails = some_physical() & (below(4) ? -PAGE : -1ull),
		.ticks_per_ms = below(4) ? 1000000 : random_next(&random_state),
		.rings = some_physical(),
	};
	if (number == HADAL_CALL_EVENTS_OPEN)
		result = ring0_call(number, below(2) ? world.arena.physical : some_physical(), size,
				    0, 0, 0);
	else if (number == HADAL_CALL_SUBSCRIPTION_STATE)
		result = ring0_call(number, random_next(&random_state), some_physical(), size,
				    random_next(&random_state), below(4));
	else
		result = ring0_call(number, owner, some_physical(), size, 0, 0);
	if (number == HADAL_CALL_EVENTS_OPEN && result > 0) /* it would do: it is not kept */
		EQUAL(ring0_call(HADAL_CALL_EVENTS_CLOSE, result, 0, 0, 0, 0), 0);
	else if (number == HADAL_CALL_EVENT_REQUEST)
		CHECK(result == 0 || result == 1);
	else
		CHECK(result < 0);
	return result < 0 ? -result : 0;
}

static int (*const calls[CALLS])(void) = {do_open,  do_subscribe, do_unsubscribe,
					  do_state, do_answer,    do_hypercall};

static void one_call(void)
{
	unsigned int call = below(CALLS);
	int error = calls[call]();

	*(error ? &failed_of[call] : &done_of[call]) += 1;
	if (error && !is_documented(error)) {
		printf("call %u: error %d (%s)\n", call, error, strerror(error));
		exit(1);
	}
	if (error || call == UNSUBSCRIBE)
		EQUAL(count_subscriptions(hadal), kept_count);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 5000, seed = 0;

	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	if (!seed)
		CHECK(getrandom(&seed, 4, 0) == 4);
	random_state = seed |= 1;
	printf("repeat this with: test_fuzz_event_calls %" PRIu64 " %" PRIu64 "\n", count, seed);
	hadal = open_hadal();
	world_open(&world, true);
	scene_open(&scene);
	make_region();
	for (uint64_t i = 0; i < count; i++) {
		if (i % 256 == 0)
			open_again();
		one_call();
	}
	printf("done/failed:");
	for (unsigned int i = 0; i < CALLS; i++)
		printf(" %" PRIu64 "/%" PRIu64, done_of[i], failed_of[i]);
	printf("\n");
	for (unsigned int i = 0; i < CALLS; i++)
		CHECK(failed_of[i] && (done_of[i] || i == ANSWER));
	open_again();
	close(device);
	hadal_close(hadal);
	return 0;
}
