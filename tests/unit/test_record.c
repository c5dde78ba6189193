// SPDX-License-Identifier: MIT
// Sources: vmm/events/record.c vmm/events/filter.c vmm/events/budget.c
/* Filters, records in a ring whose reader may do anything, and budgets. */
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "events/subscription.h"
#include "events/brief.h"
#include "events/owned.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"

#define RING_BYTES 4096u

struct machine machine;
struct subscription *events_table[HADAL_MAX_SUBSCRIPTIONS];
uint64_t events_subscribed[HADAL_EVENT_KINDS];
struct subscription *events_brief[HADAL_EVENT_KINDS];

static uint8_t area[PERCPU_EVENTS + PERCPU_EVENT_PAGES * 4096] __attribute__((aligned(4096)));
static struct vcpu *const vcpu = (struct vcpu *)(area + PERCPU_VCPU);
static uint8_t ring[RING_BYTES + 64] __attribute__((aligned(4096)));
static struct hadal_ring_head head;
static struct hadal_ring_tail tail;
static struct event_owner owner;
static struct subscription subscription;
static uint64_t guest_memory;

uint64_t vcpu_get(struct vcpu *v, enum vcpu_reg reg)
{
	(void)v;
	return reg == REG_CR3 ? 0x5000 : reg == REG_RSP ? 0x1000 : 0;
}

static unsigned wakes;

bool owned_is_of(uint64_t view, uint32_t owner)
{
	return view == owner;
}

void events_wake(struct vcpu *v, const struct event_owner *o, bool held)
{
	(void)v;
	(void)o;
	(void)held;
	wakes++;
}

size_t memory_read_guest_root(uint64_t gva, uint64_t cr3, uint64_t cr4, void *to, size_t bytes)
{
	(void)cr3;
	(void)cr4;
	if (gva != 0x2008)
		return 0;
	memcpy(to, &guest_memory, bytes > 8 ? 8 : bytes);
	return bytes > 8 ? 8 : bytes;
}

static uint64_t place(struct vcpu *v, uint8_t *cpl)
{
	(void)v;
	*cpl = 3;
	return 0x5000;
}

static const struct vendor test_vendor = {.place = place};
const struct vendor *vendor = &test_vendor;

static int reset(void **state)
{
	(void)state;
	memset(area, 0, sizeof(area));
	memset(ring, 0xee, sizeof(ring));
	memset(&subscription, 0, sizeof(subscription));
	head = (struct hadal_ring_head){0};
	tail = (struct hadal_ring_tail){0};
	owner = (struct event_owner){
		.number = 1, .ring_bytes = RING_BYTES, .heads = &head, .tails = &tail};
	owner.ticks_per_ms = 1000000;
	vcpu_events(vcpu)->ring[0] = event_ring(ring, RING_BYTES, &head, &tail);
	subscription.owner = &owner;
	subscription.record_bytes = sizeof(struct hadal_event);
	subscription.number = 9;
	subscription.asked.kind = HADAL_EVENT_MSR;
	subscription.asked.access = HADAL_ACCESS_READ;
	subscription.asked.first = 0x10;
	subscription.asked.count = 2;
	events_table[0] = &subscription;
	vcpu->regs.rbx = 0x2000;
	return 0;
}

static const struct happening msr_read = {
	.kind = HADAL_EVENT_MSR, .access = HADAL_ACCESS_READ, .number = 0x11, .new_value = 5};

static void add(unsigned value, unsigned compare, unsigned alternative, uint64_t operand)
{
	subscription.asked.clause[subscription.asked.clause_count++] =
		(struct hadal_clause){.value = value,
				      .compare = compare,
				      .alternative = alternative,
				      .mask = ~0ull,
				      .operand = operand};
}

static bool passes(void)
{
	return filter_passes(vcpu, &subscription.asked, &msr_read);
}

static void and_binds_closer_than_or(void **state)
{
	(void)state;
	assert_true(passes());
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_EQUAL, 0, 0x11);
	assert_true(passes());
	add(HADAL_FILTER_CPU, HADAL_FILTER_EQUAL, 0, 1); /* false */
	assert_false(passes());
	add(HADAL_FILTER_CR3, HADAL_FILTER_EQUAL, 1, 0x5000);
	assert_true(passes());
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_GREATER, 0, 0x11); /* false */
	assert_false(passes());
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_GREATER_EQUAL, 1, 0x11);
	assert_true(passes());
}

/* What comes after an "or" is not asked once what comes before it holds. */
static void what_holds_before_an_or_is_enough(void **state)
{
	(void)state;
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_EQUAL, 0, 0x11);
	add(HADAL_FILTER_CPU, HADAL_FILTER_EQUAL, 1, 1); /* false */
	assert_true(passes());
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_EQUAL, 0, 0x11);
	assert_true(passes());
	add(HADAL_FILTER_NUMBER, HADAL_FILTER_NOT_EQUAL, 1, 0x11); /* false */
	assert_true(passes());
	subscription.asked.clause[0].operand = 0x12;
	assert_false(passes());
}

static void memory_that_is_not_there_makes_a_clause_false(void **state)
{
	struct hadal_clause *clause = subscription.asked.clause;

	(void)state;
	guest_memory = 0x1122334455667788;
	add(HADAL_FILTER_MEMORY, HADAL_FILTER_EQUAL, 0, 0x7788);
	clause->index = 3; /* RBX */
	clause->bytes = 2;
	clause->offset = 8;
	assert_true(passes());
	clause->mask = 0xff;
	clause->operand = 0x88;
	assert_true(passes());
	clause->offset = 16;
	assert_false(passes());
	clause->compare = HADAL_FILTER_NOT_EQUAL;
	assert_false(passes());
}

static void what_means_nothing_is_not_valid(void **state)
{
	struct hadal_clause *clause = subscription.asked.clause;

	(void)state;
	add(HADAL_FILTER_REGISTER, HADAL_FILTER_EQUAL, 0, 0);
	assert_true(filter_is_valid(&subscription.asked));
	clause->index = HADAL_REG_CR0;
	assert_false(filter_is_valid(&subscription.asked));
	clause->index = 0;
	clause->alternative = 1;
	assert_false(filter_is_valid(&subscription.asked));
	clause->alternative = 0;
	clause->value = HADAL_FILTER_NEW; /* of a read */
	assert_false(filter_is_valid(&subscription.asked));
	subscription.asked.access = HADAL_ACCESS_WRITE;
	assert_true(filter_is_valid(&subscription.asked));
	subscription.asked.clause_count = HADAL_MAX_CLAUSES + 1;
	assert_false(filter_is_valid(&subscription.asked));
}

static void tell(void)
{
	events_record(vcpu, &msr_read, events_match(vcpu, &msr_read, 1));
}

/* Reads as a reader does: records follow each other without a gap. */
static unsigned read_all(void)
{
	unsigned count = 0;

	while (tail.tail != head.head) {
		const struct hadal_event *event = (void *)(ring + tail.tail % RING_BYTES);

		assert_true(event->bytes && event->bytes % 8 == 0);
		assert_true(tail.tail % RING_BYTES + event->bytes <= RING_BYTES);
		if (event->bytes > 8 && event->subscription) {
			assert_int_equal(event->subscription, 9);
			assert_int_equal(event->number, 0x11);
			assert_int_equal(event->new_value, 5);
			count++;
		}
		tail.tail += event->bytes;
	}
	return count;
}

static void no_record_is_lost_while_it_is_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		tell();
		if (i % 7 == 0)
			read_all();
	}
	read_all();
	assert_int_equal(head.lost, 0);
	assert_int_equal(vcpu_events(vcpu)->counts[0].hits, 1000);
	assert_int_equal(ring[RING_BYTES], 0xee);
}

static void what_finds_no_room_is_counted(void **state)
{
	unsigned fits = (RING_BYTES - HADAL_RING_NOTICES) / sizeof(struct hadal_event);
	uint64_t lost = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++) { /* wherever the ring's end lies */
		for (unsigned j = 0; j < 3 * fits; j++)
			tell();
		lost += 3 * fits;
		lost -= read_all();
		assert_int_equal(head.lost, lost);
		assert_int_equal(vcpu_events(vcpu)->counts[0].lost, lost);
	}
	assert_in_range(10 * 3 * fits - lost, 10 * (fits - 1), 10 * fits);
	tell();
	assert_int_equal(read_all(), 1);
}

static void a_notice_finds_room_where_records_do_not(void **state)
{
	const struct hadal_event *event;
	uint64_t lost;

	(void)state;
	for (unsigned i = 0; i < 2 * RING_BYTES / sizeof(*event); i++)
		tell();
	lost = head.lost;
	event = (void *)(ring + head.head % RING_BYTES);
	events_notice(vcpu, &subscription, HADAL_NOTICE_SAMPLED, 4);
	assert_int_equal(head.lost, lost);
	assert_int_equal(event->kind, HADAL_EVENT_NOTICE);
	assert_int_equal(event->number, HADAL_NOTICE_SAMPLED);
	assert_int_equal(event->physical, 4);
	assert_int_equal(event->subscription, 9);
}

static void a_tail_that_lies_is_a_full_ring(void **state)
{
	static const uint64_t lies[] = {1, ~0ull << 32, 1ull << 63, 12345};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		tail.tail = head.head + lies[i];
		tell();
	}
	assert_int_equal(head.lost, 4);
	assert_int_equal(head.head, 0);
	for (unsigned i = 0; i < sizeof(ring); i++)
		assert_int_equal(ring[i], 0xee);
}

static void samples_are_one_in_so_many(void **state)
{
	(void)state;
	subscription.asked.sample = 4;
	for (unsigned i = 0; i < 40; i++)
		tell();
	assert_int_equal(read_all(), 10);
	assert_int_equal(vcpu_events(vcpu)->counts[0].filtered, 30);
	subscription.asked.first = 0x12; /* beside it */
	tell();
	assert_int_equal(read_all(), 0);
	assert_int_equal(vcpu_events(vcpu)->counts[0].hits, 40);
}

/* Records that were told, and the notices among them. */
static unsigned read_notices(unsigned *notices)
{
	unsigned count = 0;

	*notices = 0;
	while (tail.tail != head.head) {
		const struct hadal_event *event = (void *)(ring + tail.tail % RING_BYTES);

		if (event->bytes > 8 && event->subscription) {
			count += event->kind != HADAL_EVENT_NOTICE;
			*notices += event->kind == HADAL_EVENT_NOTICE;
		}
		tail.tail += event->bytes;
	}
	return count;
}

static void who_waits_is_woken(void **state)
{
	(void)state;
	wakes = 0;
	tell();
	assert_int_equal(wakes, 0);
	head.waits = 1;
	tell();
	assert_int_equal(wakes, 1);
	assert_int_equal(read_all(), 2);
}

/* The short way of a subscription to all of a range finds the same as the long one. */
static void the_short_way_is_the_same(void **state)
{
	struct vcpu_events *events = vcpu_events(vcpu);

	(void)state;
	for (unsigned plain = 0; plain < 2; plain++) {
		subscription.plain = plain;
		subscription.plain_count = 2;
		subscription.plain_first = subscription.asked.first = 0x10;
		assert_int_equal(events_match(vcpu, &msr_read, 1), 1);
		assert_int_equal(events->charged, 1);
		assert_int_equal(events->passed, 1);
		assert_int_equal(events->counts[0].hits, 3 * plain + 1);
		subscription.plain_first = subscription.asked.first = 0x12;
		assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
		assert_int_equal(events->charged, 0);
		subscription.plain_first = subscription.asked.first = 0x10;
		subscription.asked.action = HADAL_ACTION_COUNT;
		assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
		assert_int_equal(events->passed, 1);
		subscription.asked.action = HADAL_ACTION_RECORD;
		add(HADAL_FILTER_CPU, HADAL_FILTER_EQUAL, 0, 1); /* false */
		assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
		assert_int_equal(events->charged, 1);
		assert_int_equal(events->passed, 0);
		assert_int_equal(events->counts[0].filtered, plain + 1);
		subscription.asked.clause_count = 0;
		subscription.asked.access = HADAL_ACCESS_WRITE;
		assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
		subscription.asked.access = HADAL_ACCESS_READ;
	}
	events->counts[0].divisor = 4;
	events->counts[0].to_skip = 1;
	assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
	assert_int_equal(events->counts[0].filtered, 3);
}

static const struct subscription *find(uint8_t access, uint64_t number)
{
	return brief_find(HADAL_EVENT_MSR, access, number);
}

static void tell_briefly(void)
{
	const struct subscription *s = find(HADAL_ACCESS_READ, msr_read.number);
	bool passes;

	assert_ptr_equal(s, &subscription);
	passes = brief_begin(vcpu, s);
	brief_end(vcpu, s, &msr_read, passes);
}

/* What handlers have inlined counts and records the same as what they do otherwise. */
static void brief_records_are_the_same(void **state)
{
	struct vcpu_events *events = vcpu_events(vcpu);
	struct hadal_event way[2];
	unsigned told = 0;

	(void)state;
	subscription.plain_first = 0x10;
	subscription.plain_count = 2;
	assert_null(find(HADAL_ACCESS_READ, 0x11));
	events_brief[HADAL_EVENT_MSR] = &subscription;
	assert_null(find(HADAL_ACCESS_WRITE, 0x11));
	assert_null(find(HADAL_ACCESS_READ, 0x12));
	assert_null(find(HADAL_ACCESS_READ, 0xf));
	tell_briefly();
	tell();
	memcpy(way, ring, sizeof(way));
	way[0].time = way[1].time = 0;
	assert_memory_equal(&way[0], &way[1], sizeof(way[0]));
	assert_int_equal(events->counts[0].hits, 2);
	assert_int_equal(read_all(), 2);
	add(HADAL_FILTER_REGISTER, HADAL_FILTER_EQUAL, 0, 1); /* RAX, false */
	tell_briefly();
	assert_int_equal(events->counts[0].filtered, 1);
	assert_int_equal(read_all(), 0);
	vcpu->regs.rax = 1;
	while (!events->counts[0].lost && told++ < 1000)
		tell_briefly();
	assert_int_equal(events->counts[0].hits, 3 + told);
	assert_int_equal(head.lost, 1);
	assert_int_equal(read_all(), told - 1);
	for (unsigned i = 0; i < 2 * RING_BYTES / sizeof(way[0]); i++) {
		tell_briefly();
		assert_int_equal(read_all(), 1);
	}
	/* It has gone while the instruction was done. */
	assert_true(brief_begin(vcpu, &subscription));
	events_brief[HADAL_EVENT_MSR] = NULL;
	brief_end(vcpu, &subscription, &msr_read, true);
	assert_int_equal(read_all(), 0);
}

static void only_a_filter_over_the_vcpu_is_asked_without_an_event(void **state)
{
	(void)state;
	add(HADAL_FILTER_REGISTER, HADAL_FILTER_EQUAL, 0, 0);
	add(HADAL_FILTER_CPU, HADAL_FILTER_EQUAL, 0, 0);
	add(HADAL_FILTER_MEMORY, HADAL_FILTER_EQUAL, 0, 0);
	assert_true(filter_is_of_vcpu(&subscription.asked));
	for (unsigned value = HADAL_FILTER_ACCESS; value <= HADAL_FILTER_NEW; value++) {
		subscription.asked.clause[2].value = value;
		assert_false(filter_is_of_vcpu(&subscription.asked));
	}
}

/* Those that hold are known from those that have matched. */
static void who_holds_is_told_apart(void **state)
{
	(void)state;
	events_match(vcpu, &msr_read, 1);
	assert_int_equal(vcpu_events(vcpu)->holds, 0);
	subscription.asked.action = HADAL_ACTION_HOLD;
	assert_int_equal(events_match(vcpu, &msr_read, 1), 1);
	assert_int_equal(vcpu_events(vcpu)->holds, 1);
	subscription.asked.first = 0x99;
	assert_int_equal(events_match(vcpu, &msr_read, 1), 0);
	assert_int_equal(vcpu_events(vcpu)->holds, 0);
}

static void over_its_rate_it_is_sampled(void **state)
{
	struct event_counts *counts = &vcpu_events(vcpu)->counts[0];
	unsigned notices, told = 0, all = 0;

	(void)state;
	owner.ticks_per_ms = UINT32_MAX; /* a second takes long */
	subscription.asked.rate = 10;
	budget_init(&subscription);
	for (unsigned i = 0; i < 11; i++) {
		assert_int_equal(counts->divisor, 0);
		tell();
	}
	assert_int_equal(counts->divisor, 4);
	told += read_notices(&notices);
	assert_int_equal(told, 11);
	assert_int_equal(notices, 1);
	for (unsigned i = 0; i < 100; i++) {
		tell();
		told += read_notices(&notices);
		all += notices;
	}
	assert_int_equal(counts->divisor, 16);
	assert_int_equal(all, 1);
	assert_in_range(told, 11 + 11, 11 + 11 + 56 / 16 + 1);
	assert_int_equal(counts->hits, 111);
	/* A second later it is told more of again. */
	for (unsigned i = 0; i < 2; i++) {
		counts->changed -= 1001ull * owner.ticks_per_ms;
		tell();
	}
	assert_int_equal(counts->divisor, 0);
	read_notices(&notices);
	assert_int_equal(notices, 2);
	assert_false(subscription.over);
}

static void over_its_share_for_good_it_is_to_be_turned_off(void **state)
{
	struct event_counts *counts = &vcpu_events(vcpu)->counts[0];
	unsigned hits = 0, notices, all = 0;

	(void)state;
	owner.exit_ticks = 600000;
	subscription.asked.share = 10;
	budget_init(&subscription);
	while (!subscription.over && hits < 1000) {
		tell();
		hits++;
		read_notices(&notices);
		all += notices;
	}
	/* Each level lets through a burst of 50 ms, of which a hit takes 60. */
	assert_int_equal(hits, 9);
	assert_int_equal(all, 8);
	assert_int_equal(vcpu->requests, REQUEST_EVENTS);
	assert_true(counts->ticks >= 9 * 600000);
	assert_int_equal(counts->hits, 9);
}

/* An exit that nobody matches is theirs who made it exit. */
static void what_is_beside_costs_too(void **state)
{
	struct event_counts *counts = vcpu_events(vcpu)->counts;
	static struct subscription other;
	const struct happening leaf = {
		.kind = HADAL_EVENT_CPUID, .access = HADAL_ACCESS_EXECUTE, .number = 0x99};

	(void)state;
	owner.exit_ticks = 1ull << 40;
	subscription.asked.kind = HADAL_EVENT_CPUID;
	subscription.asked.access = HADAL_ACCESS_EXECUTE;
	other = subscription;
	other.index = 1;
	events_table[1] = &other;
	events_begin(vcpu);
	events_record(vcpu, &leaf, events_match(vcpu, &leaf, 3));
	assert_int_equal(counts[0].hits + counts[1].hits, 0);
	assert_int_equal(counts[0].ticks >> 39, 1);
	assert_int_equal(counts[1].ticks, counts[0].ticks);
	events_table[1] = NULL;
	/* The page of watched bytes, but no other one. */
	subscription.asked.kind = HADAL_EVENT_MEMORY;
	subscription.asked.access = HADAL_ACCESS_WRITE;
	subscription.asked.first = 0x5ff8;
	subscription.asked.count = 8;
	for (unsigned i = 0; i < 3; i++) {
		struct happening write = {.kind = HADAL_EVENT_MEMORY,
					  .access = HADAL_ACCESS_WRITE,
					  .physical = 0x4ff8 + i * 0x808};
		uint64_t before = counts[0].ticks;

		vcpu_events(vcpu)->stepped = true;
		events_charge_cause(vcpu, &write, 1);
		assert_int_equal(counts[0].ticks - before != 0, i == 1);
		assert_int_equal(counts[0].steps, i >= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(and_binds_closer_than_or, reset),
		cmocka_unit_test_setup(memory_that_is_not_there_makes_a_clause_false, reset),
		cmocka_unit_test_setup(what_means_nothing_is_not_valid, reset),
		cmocka_unit_test_setup(no_record_is_lost_while_it_is_read, reset),
		cmocka_unit_test_setup(what_finds_no_room_is_counted, reset),
		cmocka_unit_test_setup(a_tail_that_lies_is_a_full_ring, reset),
		cmocka_unit_test_setup(samples_are_one_in_so_many, reset),
		cmocka_unit_test_setup(what_holds_before_an_or_is_enough, reset),
		cmocka_unit_test_setup(a_notice_finds_room_where_records_do_not, reset),
		cmocka_unit_test_setup(who_waits_is_woken, reset),
		cmocka_unit_test_setup(the_short_way_is_the_same, reset),
		cmocka_unit_test_setup(who_holds_is_told_apart, reset),
		cmocka_unit_test_setup(brief_records_are_the_same, reset),
		cmocka_unit_test_setup(only_a_filter_over_the_vcpu_is_asked_without_an_event,
				       reset),
		cmocka_unit_test_setup(over_its_rate_it_is_sampled, reset),
		cmocka_unit_test_setup(over_its_share_for_good_it_is_to_be_turned_off, reset),
		cmocka_unit_test_setup(what_is_beside_costs_too, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
