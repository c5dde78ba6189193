// SPDX-License-Identifier: MIT
/*
 * What a subscription asks for: what it filters, samples and captures, and what is refused. In a
 * guest as root, with Hadal started and /dev/hadal_test.
 */
#include <errno.h>
#include <string.h>

#include "support/check.h"
#include "support/reader.h"

#define RING_BYTES (1u << 18)
#define TIMES      1000u

static struct reader reader;

/* Filters, samples, captures, and counting alone. */
static void check_filters(void)
{
	struct hadal_subscription asked =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription_state state;
	int number;

	asked.clause[0].compare = HADAL_FILTER_NOT_EQUAL;
	number = reader_subscribe(&reader, &asked);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(reader_read(&reader, number), 0);
	state = reader_end(&reader, number);
	EQUAL(state.hits, TIMES);
	EQUAL(state.filtered, TIMES);

	asked.clause[1] = (struct hadal_clause){.value = HADAL_FILTER_NUMBER,
						.alternative = 1,
						.mask = ~0ull,
						.operand = MSR_CSTAR};
	asked.clause_count = 2;
	asked.sample = 10;
	asked.capture = HADAL_CAPTURE_ALL;
	asked.stack_bytes = 64;
	number = reader_subscribe(&reader, &asked);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(reader_read(&reader, number), TIMES / 10);
	EQUAL(reader.last.bytes,
	      sizeof(reader.last) + sizeof(struct hadal_event_registers) + 16 + 64 + 8);
	EQUAL(reader_end(&reader, number).filtered, TIMES - TIMES / 10);

	asked.action = HADAL_ACTION_COUNT;
	number = reader_subscribe(&reader, &asked);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, TIMES);
	EQUAL(reader_read(&reader, number), 0);
	EQUAL(reader_end(&reader, number).hits, TIMES);
}

static void refused(struct hadal_subscription asked, int code)
{
	EQUAL(hadal_events_subscribe(reader.events, &asked, NULL), code);
}

/* Why, in words. */
static void refused_with(struct hadal_subscription asked, const char *words)
{
	struct hadal_error error;

	EQUAL(hadal_events_subscribe(reader.events, &asked, &error), -EINVAL);
	if (!strstr(error.text, words)) {
		printf("%s: expected '%s' in it\n", error.text, words);
		exit(1);
	}
}

static void check_reasons(void)
{
	const struct hadal_subscription msrs = {.kind = HADAL_EVENT_MSR,
						.access = HADAL_ACCESS_READ,
						.first = 0xc0000080,
						.count = 65};
	const struct hadal_subscription vector = {.kind = HADAL_EVENT_EXCEPTION,
						  .access = HADAL_ACCESS_EXECUTE,
						  .first = 1,
						  .count = 2};
	struct hadal_subscription asked = msrs;

	refused_with(msrs, "at most 64 MSRs");
	refused_with(vector, "vector 2 is the NMI's");
	asked = vector;
	asked.first = 31;
	refused_with(asked, "vectors 0 to 31");
	asked = msrs;
	asked.count = 1;
	asked.clause_count = 1;
	asked.clause[0].value = HADAL_FILTER_NEW;
	refused_with(asked, "what is going to be read");
	asked.kind = HADAL_EVENT_CR;
	asked.access = HADAL_ACCESS_WRITE;
	asked.first = 4;
	asked.count = 0;
	refused_with(asked, "CR0, CR3, CR4 and XCR0");
	asked = to_memory(reader.arena.physical, 0, HADAL_ACCESS_WRITE);
	refused_with(asked, "no bytes of memory");
}

static void check_refusals(void)
{
	const struct hadal_subscription right =
		to_marked(HADAL_EVENT_MSR, HADAL_ACCESS_READ, MSR_CSTAR, 1);
	struct hadal_subscription asked = right;
	int numbers[HADAL_MAX_SUBSCRIPTIONS], count = 0, number;

#define REFUSED(change, code)         \
	do {                          \
		asked = right;        \
		change;               \
		refused(asked, code); \
	} while (0)
	REFUSED(asked.kind = HADAL_EVENT_KINDS, -EINVAL);
	REFUSED(asked.kind = HADAL_EVENT_NOTICE, -EINVAL);
	REFUSED(asked.access = 0, -EINVAL);
	REFUSED(asked.access = HADAL_ACCESS_EXECUTE, -EINVAL);
	REFUSED(asked.count = 0, -EINVAL);
	REFUSED(asked.count = 65, -EINVAL);
	REFUSED(asked.first = 1ull << 32, -EINVAL);
	REFUSED(asked.first = ~0ull, -EINVAL);
	REFUSED(asked.root = 1, -EINVAL);
	REFUSED(asked.method = 1, -EINVAL);
	REFUSED(asked.action = 3, -EINVAL);
	REFUSED(asked.deadline = 1, -EINVAL);
	REFUSED(asked.share = 1001, -EINVAL);
	REFUSED(asked.capture = 16, -EINVAL);
	REFUSED(asked.task_offset = 8, -EINVAL);
	REFUSED(asked.stack_bytes = 8, -EINVAL);
	REFUSED((asked.capture = HADAL_CAPTURE_STACK, asked.stack_bytes = 4104), -EINVAL);
	REFUSED(asked.clause_count = 17, -EINVAL);
	REFUSED(asked.clause[0].value = HADAL_FILTER_VALUES, -EINVAL);
	REFUSED(asked.clause[0].value = HADAL_FILTER_NEW, -EINVAL);
	REFUSED(asked.clause[0].compare = HADAL_FILTER_OPERATORS, -EINVAL);
	REFUSED(asked.clause[0].index = HADAL_REG_CR0, -EINVAL);
	REFUSED(asked.clause[0].alternative = 1, -EINVAL);
	REFUSED(asked.clause[0].bytes = 8, -EINVAL);
	REFUSED((asked.clause[0].value = HADAL_FILTER_MEMORY, asked.clause[0].bytes = 3), -EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_EXCEPTION, asked.access = HADAL_ACCESS_EXECUTE,
		 asked.first = 2),
		-EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_IO, asked.first = 65535, asked.count = 2), -EINVAL);
	REFUSED((asked.kind = HADAL_EVENT_CR, asked.access = HADAL_ACCESS_WRITE, asked.first = 2,
		 asked.count = 0),
		-EINVAL);

	/* One more than there may be; after that all work. */
	while ((number = hadal_events_subscribe(reader.events, &right, NULL)) > 0)
		numbers[count++] = number;
	EQUAL(number, -ENOSPC);
	EQUAL(count, HADAL_MAX_SUBSCRIPTIONS);
	have_done(reader.device, HADAL_TEST_RDMSR, MSR_CSTAR, 0, 1);
	for (int i = 0; i < count; i++) {
		const struct hadal_event *event = hadal_events_next(reader.events);

		CHECK(event);
		EQUAL(event->subscription, numbers[i]);
	}
	for (int i = 0; i < count; i++)
		CHECK(!hadal_events_unsubscribe(reader.events, numbers[i], NULL));
	EQUAL(reader_read(&reader, 0), 0);
}

int main(void)
{
	reader_open(&reader, RING_BYTES);
	check_filters();
	check_refusals();
	check_reasons();
	hadal_events_close(reader.events);
	return 0;
}
