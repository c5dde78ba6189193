// SPDX-License-Identifier: MIT
// Sources: vmm/events/record.c vmm/events/filter.c
/* Filters, and records in a ring whose reader may do anything. */
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "events/subscription.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"

#define RING_BYTES 4096u

struct machine machine;
struct subscription *events_table[HADAL_MAX_SUBSCRIPTIONS];
uint64_t events_subscribed[HADAL_EVENT_KINDS];

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

size_t memory_read_guest_root(uint64_t gva, uint64_t cr3, uint64_t cr4, void *to, size_t bytes)
{
	(void)cr3;
	(void)cr4;
	if (gva != 0x2008)
		return 0;
	memcpy(to, &guest_memory, bytes > 8 ? 8 : bytes);
	return bytes > 8 ? 8 : bytes;
}

const struct vendor *vendor;

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
	vcpu_events(vcpu)->ring[0] = ring;
	subscription.owner = &owner;
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
	unsigned fits = RING_BYTES / sizeof(struct hadal_event), got;

	(void)state;
	for (unsigned i = 0; i < 3 * fits; i++)
		tell();
	got = read_all();
	assert_in_range(got, fits - 1, fits);
	assert_int_equal(head.lost, 3 * fits - got);
	assert_int_equal(vcpu_events(vcpu)->counts[0].lost, head.lost);
	tell();
	assert_int_equal(read_all(), 1);
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
