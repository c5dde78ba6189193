// SPDX-License-Identifier: MIT
/*
 * Subscriptions while CPUs go and come: nothing is lost and nothing made up. In a guest as root
 * with two CPUs and Hadal started. test_lives hotplug|suspend: CPU 1 goes offline, or all sleep,
 * and events are counted before and after; test_lives wait: subscribes to something of each way,
 * says so, and waits.
 */
#include <cpuid.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define RING_BYTES (1u << 18)
#define LEAF       0x40005678u
#define TIMES      200u
#define ROUNDS     3u
#define SHARE      100u

static struct hadal_events *events;
static struct hadal_error error;
static uint8_t page[PAGE] __attribute__((aligned(4096)));

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static __attribute__((noinline)) void broken(void)
{
	__asm__ volatile("nop" ::: "memory");
}

static uint64_t frame_of(const void *address)
{
	struct hadal_translation walk;
	struct hadal *hadal;

	CHECK(!hadal_open(&hadal, &error));
	CHECK(!hadal_translate(hadal, HADAL_ROOT_CURRENT, (uintptr_t)address, 0, &walk, &error));
	EQUAL(walk.result, 0);
	hadal_close(hadal);
	return walk.physical & ~(PAGE - 1);
}

/* By an intercept, by a debug register, and by a view. */
static void subscribe_all(uint32_t numbers[3])
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_CPUID,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = LEAF,
					   .count = 1};

	page[0] = 1;
	numbers[0] = subscribe_to(events, &asked);
	asked.kind = HADAL_EVENT_BREAK;
	asked.first = (uintptr_t)broken;
	asked.method = HADAL_BREAK_DEBUG;
	broken();
	numbers[1] = subscribe_to(events, &asked);
	asked = to_memory(frame_of(page), 8, HADAL_ACCESS_WRITE);
	numbers[2] = subscribe_to(events, &asked);
}

static void act_on(unsigned int cpu)
{
	volatile uint8_t *bytes = page;
	uint32_t a, b, c, d;

	pin_to_cpu(cpu);
	for (unsigned int i = 0; i < TIMES; i++) {
		__cpuid(LEAF, a, b, c, d);
		broken();
		bytes[0] = i;
	}
	pin_to_cpu(0);
}

static void expect(const uint32_t numbers[3], unsigned int hits)
{
	static const char *const names[3] = {"CPUID", "breakpoint", "memory"};

	for (unsigned int i = 0; i < 3; i++) {
		struct hadal_subscription_state state = state_of(events, numbers[i]);

		if (state.hits != hits || state.lost)
			printf("%s: %llu hits of %u\n", names[i], (unsigned long long)state.hits,
			       hits);
		CHECK(state.hits == hits && !state.lost);
	}
	while (hadal_events_next(events))
		;
}

static void hotplug(void)
{
	static const char online[] = "/sys/devices/system/cpu/cpu1/online";
	uint32_t numbers[3];
	unsigned int hits = 0;

	subscribe_all(numbers);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		act_on(1);
		expect(numbers, hits += TIMES);
		write_file(online, "0");
		act_on(0);
		expect(numbers, hits += TIMES);
		write_file(online, "1");
	}
	act_on(1);
	expect(numbers, hits += TIMES);
}

static void sleep_and_wake(void)
{
	uint32_t numbers[3];

	subscribe_all(numbers);
	act_on(1);
	expect(numbers, TIMES);
	write_file("/sys/power/state", "mem");
	act_on(0);
	act_on(1);
	expect(numbers, 3 * TIMES);
}

static void wait_for_the_end(void)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_CR,
					   .access = HADAL_ACCESS_WRITE,
					   .first = 1u << 3,
					   .share = SHARE};
	uint32_t numbers[3];

	subscribe_all(numbers);
	subscribe_to(events, &asked);
	printf("subscribed\n");
	for (;;) {
		act_on(0);
		while (hadal_events_next(events))
			;
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(argc == 2);
	pin_to_cpu(0);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	if (!strcmp(argv[1], "hotplug"))
		hotplug();
	else if (!strcmp(argv[1], "suspend"))
		sleep_and_wake();
	else
		wait_for_the_end();
	hadal_events_close(events);
	return 0;
}
