// SPDX-License-Identifier: MIT
/*
 * Views that an owner of events makes: each CPU finds what its view has, changes of the map reach
 * them, what they deny is told and then done, and all is gone with the owner. In a guest as root
 * with two CPUs, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#include "support/check.h"
#include "support/deeds.h"
#include "support/open.h"
#include "support/ring0.h"
#include "support/subscribe.h"

#define RING_BYTES (1u << 16)
#define TIMES      200u
#define LONG       1000000u
#define BP         3u
#define MAPPED     0x4d41505045443131ull

static struct hadal_events *events;
static struct hadal_error error;
static struct arena arena;
/* Code and data that children share: one page each. */
static uint8_t *code;
static volatile uint64_t *words;
static uint64_t code_at, words_at;

/* Page n of the arena: the first word is n, and the pages are shown in place of words and code. */
static uint64_t arena_page(unsigned int n)
{
	return arena.physical + n * PAGE;
}

static uint32_t create(void)
{
	int view = hadal_events_create_view(events, &error);

	if (view <= 0)
		printf("%s\n", error.text);
	CHECK(view > 0);
	return view;
}

static void allow(uint32_t view, uint64_t page, uint32_t access)
{
	EQUAL(hadal_events_set_view_access(events, view, page, 1, access, &error), 0);
}

static void show(uint32_t view, uint64_t page, uint64_t shows)
{
	EQUAL(hadal_events_show_in_view(events, view, page, shows, &error), 0);
}

static void switch_to(uint32_t view, uint32_t cpu)
{
	EQUAL(hadal_events_switch_view(events, view, cpu, &error), 0);
}

static void destroy(uint32_t view)
{
	EQUAL(hadal_events_destroy_view(events, view, &error), 0);
}

static struct hadal_subscription to_view(uint32_t access, enum hadal_event_action action)
{
	return (struct hadal_subscription){
		.kind = HADAL_EVENT_VIEW,
		.access = access,
		.first = 0,
		.count = ~0ull,
		.action = action,
		.deadline = action == HADAL_ACTION_HOLD ? LONG : 0,
	};
}

static struct hadal_event next_event(void)
{
	const struct hadal_event *event;

	while (!(event = hadal_events_next(events)))
		CHECK(hadal_events_wait(events, 60000, &error) == 1);
	return *event;
}

static struct hadal_event_answer answer_to(const struct hadal_event *event,
					   enum hadal_answer answer, uint64_t value)
{
	return (struct hadal_event_answer){.subscription = event->subscription,
					   .cpu = event->cpu,
					   .time = event->time,
					   .answer = answer,
					   .value = value};
}

static int answer_with_view(const struct hadal_event *event, uint64_t view, uint32_t step)
{
	struct hadal_event_answer given = answer_to(event, HADAL_ANSWER_VIEW, view);

	given.step = step;
	return hadal_events_answer(events, &given, &error);
}

static void check_limits(void)
{
	uint32_t view[HADAL_MAX_VIEWS];
	struct hadal_events *other;

	CHECK(!hadal_events_open(&other, RING_BYTES, &error));
	for (unsigned int i = 0; i < HADAL_MAX_OWNER_VIEWS; i++)
		view[i] = create();
	EQUAL(hadal_events_create_view(events, &error), -ENOSPC);
	for (unsigned int i = HADAL_MAX_OWNER_VIEWS; i < HADAL_MAX_VIEWS; i++) {
		int made = hadal_events_create_view(other, &error);

		CHECK(made > 0);
		view[i] = made;
	}
	EQUAL(hadal_events_create_view(other, &error), -ENOSPC);
	EQUAL(hadal_events_destroy_view(events, view[HADAL_MAX_VIEWS - 1], &error), -ENOENT);
	EQUAL(hadal_events_switch_view(other, view[0], 1, &error), -ENOENT);
	switch_to(view[0], 1);
	EQUAL(hadal_events_switch_view(other, view[HADAL_MAX_VIEWS - 1], 1, &error), -EBUSY);
	EQUAL(hadal_events_switch_view(other, 0, 1, &error), -EBUSY);
	switch_to(0, 1);
	EQUAL(hadal_events_switch_view(events, view[0], 999, &error), -ENXIO);
	EQUAL(hadal_events_set_view_access(events, view[0], words_at + 8, 1, 0, &error), -EINVAL);
	EQUAL(hadal_events_set_view_access(events, view[0], words_at, 1, 8, &error), -EINVAL);
	EQUAL(hadal_events_set_view_access(events, view[0], 0xfee00000, 1, 0, &error), -ENXIO);
	EQUAL(hadal_events_show_in_view(events, view[0], words_at, 0xfee00000, &error), -ENXIO);
	EQUAL(hadal_events_show_in_view(events, view[0], words_at, words_at + 1, &error), -EINVAL);
	hadal_events_close(other);
	for (unsigned int i = 0; i < HADAL_MAX_OWNER_VIEWS; i++)
		destroy(view[i]);
	EQUAL(hadal_events_destroy_view(events, view[0], &error), -ENOENT);
}

/* Each page that shows another takes a place, and gives it back. */
static void check_full(void)
{
	uint64_t bytes = (HADAL_MAX_VIEW_SHOWS + 1) * PAGE;
	uint8_t *many = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);
	uint32_t view = create();

	CHECK(many != MAP_FAILED);
	for (uint64_t at = 0; at < bytes; at += PAGE) {
		bool fits = at + PAGE < bytes;

		many[at] = 7;
		EQUAL(hadal_events_show_in_view(events, view, physical_of(many + at), arena_page(1),
						&error),
		      fits ? 0 : -ENOSPC);
	}
	show(view, physical_of(many), physical_of(many));
	show(view, physical_of(many + bytes - PAGE), arena_page(1));
	switch_to(view, 0);
	EQUAL(many[0], 7);
	for (uint64_t at = PAGE; at < bytes; at += PAGE)
		EQUAL(many[at], 1);
	switch_to(0, 0);
	for (uint64_t at = 0; at < bytes; at += PAGE)
		EQUAL(many[at], 7);
	destroy(view);
	munmap(many, bytes);
}

static int write_words(void)
{
	for (unsigned int i = 0; i < TIMES; i++)
		__asm__ volatile("incq (%0)" ::"a"(words) : "memory"); /* 3 bytes */
	return 0;
}

/* What one CPU's view denies is told, done, and no matter of the other CPU's. */
static void check_rights(void)
{
	struct hadal_subscription asked = to_view(HADAL_ACCESS_WRITE, HADAL_ACTION_RECORD);
	uint32_t view = create(), number = subscribe_to(events, &asked);
	struct told told;

	words[0] = 0;
	allow(view, words_at, HADAL_ACCESS_READ);
	switch_to(view, 1);
	write_words();
	EQUAL(read_told(events, number).records, 0);
	EQUAL(status_of(start_on(1, write_words)), 0);
	EQUAL(words[0], 2 * TIMES);
	told = read_told(events, number);
	EQUAL(told.records, TIMES);
	EQUAL(told.last.kind, HADAL_EVENT_VIEW);
	EQUAL(told.last.number, view);
	EQUAL(told.last.cpu, 1);
	EQUAL(told.last.physical, words_at);
	CHECK(told.last.access & HADAL_ACCESS_WRITE);
	/* Nobody needs to be told. */
	unsubscribe_from(events, number);
	EQUAL(status_of(start_on(1, write_words)), 0);
	EQUAL(words[0], 3 * TIMES);
	allow(view, words_at, HADAL_ACCESS_ALL);
	number = subscribe_to(events, &asked);
	EQUAL(status_of(start_on(1, write_words)), 0);
	EQUAL(read_told(events, number).records, 0);
	unsubscribe_from(events, number);
	destroy(view);
}

static int read_word(void)
{
	return (int)words[0];
}

/* Two CPUs, each on a view of its own, and a third content without. */
static void check_contents(void)
{
	uint32_t first = create(), second = create();

	words[0] = 5;
	show(first, words_at, arena_page(1));
	show(second, words_at, arena_page(2));
	EQUAL(status_of(start_on(1, read_word)), 5);
	switch_to(first, 0);
	switch_to(second, 1);
	EQUAL(words[0], 1);
	EQUAL(status_of(start_on(1, read_word)), 2);
	words[1] = 0x1234;
	switch_to(0, 0);
	EQUAL(words[0], 5);
	EQUAL(words[1] == 0x1234, 0);
	EQUAL(((uint64_t *)(arena.bytes + PAGE))[1], 0x1234);
	EQUAL(status_of(start_on(1, read_word)), 2);
	destroy(second);
	EQUAL(status_of(start_on(1, read_word)), 5);
	destroy(first);
}

static volatile uint64_t *progress;

/* Until told to end: nothing but what one of the views has, and all of that. */
static int read_until_end(void)
{
	uint32_t seen = 0;

	while (!progress[0]) {
		uint64_t word = words[0];

		if (word != 1 && word != 2 && word != 5)
			return 0x40;
		seen |= 1u << (word == 5 ? 0 : word);
		progress[1] = seen;
	}
	return seen;
}

static void check_switching(void)
{
	uint32_t first = create(), second = create();
	int child;

	words[0] = 5;
	show(first, words_at, arena_page(1));
	show(second, words_at, arena_page(2));
	progress[0] = progress[1] = 0;
	child = start_on(1, read_until_end);
	for (unsigned int i = 0; i < TIMES || progress[1] != 7; i++) {
		CHECK(i < 1000 * TIMES);
		switch_to(i % 3 == 0 ? first : i % 3 == 1 ? second : 0, 1);
		EQUAL(words[0], 5);
	}
	/* What a view shows changes while a CPU is on it. */
	switch_to(first, 1);
	for (unsigned int i = 0; i < TIMES; i++)
		show(first, words_at, i % 2 ? arena_page(1) : arena_page(2));
	progress[0] = 1;
	EQUAL(status_of(child), 7);
	destroy(first);
	destroy(second);
}

static int call_code(void)
{
	return ((int (*)(void))(uintptr_t)code)();
}

/* Another page is executed than the one that is read. */
static void check_code(void)
{
	static const uint8_t returns[2][6] = {{0xb8, 11, 0, 0, 0, 0xc3}, {0xb8, 22, 0, 0, 0, 0xc3}};
	struct hadal_subscription asked = to_view(HADAL_ACCESS_EXECUTE, HADAL_ACTION_RECORD);
	uint32_t view = create(), number;
	struct told told;

	memcpy(code, returns[0], 6);
	memcpy(arena.bytes + 3 * PAGE, returns[1], 6);
	show(view, code_at, arena_page(3));
	switch_to(view, 1);
	EQUAL(call_code(), 11);
	EQUAL(status_of(start_on(1, call_code)), 22);
	/* Without the right the map's is executed, and told: two instructions. */
	number = subscribe_to(events, &asked);
	allow(view, code_at, HADAL_ACCESS_READ | HADAL_ACCESS_WRITE);
	EQUAL(status_of(start_on(1, call_code)), 11);
	told = read_told(events, number);
	EQUAL(told.records, 2);
	EQUAL(told.last.rip, (uintptr_t)code + 5);
	unsubscribe_from(events, number);
	memset(arena.bytes + 3 * PAGE, 0, PAGE);
	destroy(view);
}

/*
 * INT3 in a page that only the view has: the reader lets the CPU do what is there else, for one
 * instruction, and come back. What reads the page finds no INT3, by the same way.
 */
static void check_hidden_code(void)
{
	static const uint8_t returns[6] = {0xb8, 11, 0, 0, 0, 0xc3};
	struct hadal_subscription asked = {.kind = HADAL_EVENT_EXCEPTION,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = BP,
					   .count = 1,
					   .action = HADAL_ACTION_HOLD,
					   .deadline = LONG};
	uint32_t view = create(), number;
	struct hadal_event_answer given;
	struct hadal_event event;
	int child;

	memcpy(code, returns, 6);
	memcpy(arena.bytes + 3 * PAGE, returns, 6);
	arena.bytes[3 * PAGE] = 0xcc;
	show(view, code_at, arena_page(3));
	number = subscribe_to(events, &asked);
	switch_to(view, 1);
	child = start_on(1, call_code);
	event = next_event();
	CHECK(event.flags & HADAL_RECORD_HELD);
	EQUAL(event.rip, (uintptr_t)code);
	EQUAL(answer_with_view(&event, HADAL_MAX_VIEWS, 0), -ENOENT);
	given = answer_to(&event, HADAL_ANSWER_VIEW, 0);
	given.step = 1;
	given.set.mask = 1ull << HADAL_REG_RIP; /* the exception is not delivered */
	given.set.values.rip = (uintptr_t)code;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	event = next_event();
	EQUAL(event.kind, HADAL_EVENT_STEP);
	EQUAL(event.rip, (uintptr_t)code + 5);
	EQUAL(answer_with_view(&event, view, 0), 0);
	EQUAL(status_of(child), 11);
	unsubscribe_from(events, number);
	memset(arena.bytes + 3 * PAGE, 0, PAGE);
	destroy(view);
}

/* A CPU that is held for what its view denies goes on on another one. */
static void check_answers(void)
{
	struct hadal_subscription asked = to_view(HADAL_ACCESS_ALL, HADAL_ACTION_HOLD);
	uint32_t view = create(), other = create(), number = subscribe_to(events, &asked);
	struct hadal_event_answer given;
	struct hadal_event event;
	int child;

	words[0] = 0;
	allow(view, words_at, HADAL_ACCESS_READ);
	switch_to(view, 1);
	child = start_on(1, write_words);
	event = next_event();
	EQUAL(event.kind, HADAL_EVENT_VIEW);
	CHECK(event.flags & HADAL_RECORD_HELD);
	EQUAL(words[0], 0);
	given = answer_to(&event, HADAL_ANSWER_GO_ON, 1);
	EQUAL(hadal_events_answer(events, &given, &error), -EINVAL);
	given.value = 0;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	event = next_event();
	EQUAL(words[0], 1);
	/* For one instruction. */
	EQUAL(answer_with_view(&event, other, 1), 0);
	event = next_event();
	EQUAL(event.kind, HADAL_EVENT_STEP);
	EQUAL(words[0], 2);
	EQUAL(answer_with_view(&event, view, 0), 0);
	event = next_event();
	EQUAL(event.kind, HADAL_EVENT_VIEW);
	EQUAL(words[0], 2);
	given = answer_to(&event, HADAL_ANSWER_GO_ON, 0);
	given.set.mask = 1ull << HADAL_REG_RIP;
	given.set.values.rip = event.rip + 3;
	EQUAL(hadal_events_answer(events, &given, &error), 0);
	/* For good. */
	event = next_event();
	EQUAL(words[0], 2);
	EQUAL(answer_with_view(&event, 0, 0), 0);
	EQUAL(status_of(child), 0);
	EQUAL(words[0], TIMES - 1);
	EQUAL(read_told(events, number).records, 0);
	unsubscribe_from(events, number);
	destroy(view);
	destroy(other);
}

/* Of the records that there are, each of another kind. */
static uint32_t count_kinds(void)
{
	const struct hadal_event *event;
	uint32_t kinds = 0;

	while ((event = hadal_events_next(events)))
		kinds += 1u << event->kind;
	return kinds;
}

/* The map changes under a view, and another owner watches the same page. */
static void check_base(void)
{
	struct hadal_subscription asked = to_view(HADAL_ACCESS_WRITE, HADAL_ACTION_RECORD);
	struct hadal_subscription watch = to_memory(arena_page(4), 8, HADAL_ACCESS_WRITE);
	volatile uint64_t *page = (volatile uint64_t *)(arena.bytes + 4 * PAGE);
	volatile uint64_t *other = (volatile uint64_t *)(arena.bytes + 5 * PAGE);
	uint32_t view = create(), number = subscribe_to(events, &asked), watched;

	allow(view, arena_page(4), HADAL_ACCESS_READ | HADAL_ACCESS_EXECUTE);
	show(view, words_at, arena_page(4));
	*page = 4;
	*other = MAPPED;
	switch_to(view, 0);
	EQUAL(words[0], 4);
	EQUAL(ring0_call(HADAL_CALL_MAP, arena_page(4), arena_page(5), HADAL_MAP_WRITE, 0, 0), 0);
	EQUAL(*page, MAPPED);
	EQUAL(words[0], MAPPED);
	EQUAL(read_told(events, number).records, 0);
	*page = MAPPED + 1;
	EQUAL(*other, MAPPED + 1);
	EQUAL(read_told(events, number).records, 1);
	EQUAL(ring0_call(HADAL_CALL_UNMAP, arena_page(4), 0, 0, 0, 0), 0);
	EQUAL(*page, 4);
	EQUAL(words[0], 4);
	/* Both are told; and one alone when the other has gone. */
	watched = subscribe_to(events, &watch);
	*page = 8;
	EQUAL(count_kinds(), 1u << HADAL_EVENT_VIEW | 1u << HADAL_EVENT_MEMORY);
	unsubscribe_from(events, number);
	*page = 9;
	EQUAL(read_told(events, watched).records, 1);
	allow(view, arena_page(4), HADAL_ACCESS_ALL);
	*page = 10;
	EQUAL(read_told(events, watched).records, 1);
	destroy(view);
	view = create(); /* and of one that was there before the view */
	switch_to(view, 0);
	*page = 11;
	EQUAL(read_told(events, watched).records, 1);
	EQUAL(*page, 11);
	unsubscribe_from(events, watched);
	*page = 12;
	destroy(view);
}

/* Breakpoints in copies of pages, and views: not both. */
static void check_breakpoints(void)
{
	struct hadal_subscription asked = {.kind = HADAL_EVENT_BREAK,
					   .access = HADAL_ACCESS_EXECUTE,
					   .first = (uintptr_t)code,
					   .count = 1,
					   .method = HADAL_BREAK_VIEW};
	uint32_t view = create(), number;

	code[0] = 0xc3;
	EQUAL(hadal_events_subscribe(events, &asked, &error), -EBUSY);
	CHECK(strstr(error.text, "view"));
	asked.method = HADAL_BREAK_DEBUG;
	unsubscribe_from(events, subscribe_to(events, &asked));
	destroy(view);
	asked.method = HADAL_BREAK_VIEW;
	number = subscribe_to(events, &asked);
	EQUAL(hadal_events_create_view(events, &error), -EBUSY);
	unsubscribe_from(events, number);
	destroy(create());
}

/* A CPU is on a view whose owner is killed: then it is on none, and all places are free. */
static void check_killed(void)
{
	int child, status;

	words[0] = 5;
	hadal_events_close(events);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		CHECK(!hadal_events_open(&events, RING_BYTES, &error));
		for (unsigned int i = 0; i < HADAL_MAX_OWNER_VIEWS; i++) {
			uint32_t view = create();

			show(view, words_at, arena_page(1));
			switch_to(view, 1);
		}
		if (status_of(start_on(1, read_word)) == 1)
			raise(SIGKILL);
		_exit(1);
	}
	waitpid(child, &status, 0);
	CHECK(WIFSIGNALED(status));
	EQUAL(status_of(start_on(1, read_word)), 5);
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_limits();
}

static void put(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);

	CHECK(file >= 0 && write(file, text, 1) == 1);
	close(file);
}

/* A CPU that went offline is on no view when it comes back. */
static void check_offline(void)
{
	static const char online[] = "/sys/devices/system/cpu/cpu1/online";
	uint32_t view = create();

	words[0] = 5;
	show(view, words_at, arena_page(1));
	switch_to(view, 1);
	EQUAL(status_of(start_on(1, read_word)), 1);
	put(online, "0");
	EQUAL(hadal_events_switch_view(events, view, 1, &error), -ENXIO);
	put(online, "1");
	EQUAL(status_of(start_on(1, read_word)), 5);
	switch_to(view, 1);
	EQUAL(status_of(start_on(1, read_word)), 1);
	destroy(view);
}

static void *shared_page(void)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0);

	CHECK(page != MAP_FAILED);
	page[0] = 1;
	return page;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	ring0_open(&arena);
	pin_to_cpu(0);
	code = shared_page();
	words = shared_page();
	progress = shared_page();
	code_at = physical_of(code);
	words_at = physical_of((void *)words);
	for (uint64_t i = 1; i < 6; i++)
		*(uint64_t *)(arena.bytes + i * PAGE) = i;
	CHECK(!hadal_events_open(&events, RING_BYTES, &error));
	check_limits();
	check_full();
	check_rights();
	check_contents();
	check_switching();
	check_code();
	check_hidden_code();
	check_answers();
	check_base();
	check_breakpoints();
	check_killed();
	check_offline();
	hadal_events_close(events);
	return 0;
}
