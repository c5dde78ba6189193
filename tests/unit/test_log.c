// SPDX-License-Identifier: MIT
// Sources: vmm/base/log.c
/* The log's ring: lines, wrap, readers from before the oldest and behind the newest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "random.h"
#include "unit.h"
#include <hadal/boot.h>
#include "base/log.h"
#include "base/percpu.h"

extern struct hadal_log_ring log_ring;

uint32_t percpu_index(void)
{
	return 7;
}

static int reset(void **unused)
{
	(void)unused;
	memset(&log_ring, 0, sizeof(log_ring));
	return 0;
}

/* The last line's text, behind the time and the CPU. */
static const char *last_line(void)
{
	static char text[HADAL_LOG_BYTES + 1];
	uint64_t position = log_ring.head > 400 ? log_ring.head - 400 : 0;
	char *line;

	text[log_read(&position, text, HADAL_LOG_BYTES)] = 0;
	assert_int_equal(position, log_ring.head);
	assert_int_equal(text[strlen(text) - 1], '\n');
	text[strlen(text) - 1] = 0;
	line = strrchr(text, '\n');
	line = strstr(line ? line + 1 : text, "] cpu7: ");
	assert_non_null(line);
	return line + strlen("] cpu7: ");
}

static void formats(void **unused)
{
	const char *volatile nothing = NULL;
	(void)unused;
	log_line("%s %c %% %d %u %x", "text", 'c', -12, 3000000000u, 0xdeadbeefu);
	assert_string_equal(last_line(), "text c % -12 3000000000 deadbeef");
	log_line("%lx %lu %ld", (unsigned long)-1ul, 18446744073709551615ul, (long)(-1ul >> 1));
	assert_string_equal(last_line(),
			    "ffffffffffffffff 18446744073709551615 9223372036854775807");
	log_line("%d %d %ld %u", 0, -2147483647 - 1, -9223372036854775807l - 1, 0u);
	assert_string_equal(last_line(), "0 -2147483648 -9223372036854775808 0");
	log_line("%s", nothing);
	assert_string_equal(last_line(), "(null)");
}

static void a_long_line_is_cut_and_still_ends(void **unused)
{
	char text[1000];
	(void)unused;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 3; i++) {
		uint64_t before = log_ring.head;

		log_line("%s", text);
		assert_in_range(log_ring.head - before, 100, 400);
		assert_int_equal(log_ring.data[(log_ring.head - 1) % HADAL_LOG_BYTES], '\n');
		assert_null(strchr(last_line(), '\n'));
	}
}

/* All bytes ever written, beside the ring. */
static void wraps_and_keeps_the_newest(void **unused)
{
	uint64_t seed = 1, position;
	char *all = calloc(1, 40 * HADAL_LOG_BYTES), *out = malloc(2 * HADAL_LOG_BYTES);
	size_t got;
	(void)unused;

	while (log_ring.head < 30 * HADAL_LOG_BYTES) {
		uint64_t before = log_ring.head, oldest;

		log_line("%x %s", (unsigned int)random_next(&seed),
			 "some words of a line that is longer" + random_below(&seed, 30));
		for (uint64_t i = before; i < log_ring.head; i++)
			all[i] = log_ring.data[i % HADAL_LOG_BYTES];
		oldest = log_ring.head > HADAL_LOG_BYTES ? log_ring.head - HADAL_LOG_BYTES : 0;

		position = random_below(&seed, log_ring.head + 1);
		before = position < oldest ? oldest : position;
		got = log_read(&position, out, 1 + random_below(&seed, 2 * HADAL_LOG_BYTES));
		assert_int_equal(position, before + got);
		assert_true(position <= log_ring.head);
		assert_memory_equal(out, all + before, got);
	}
	position = 0;
	assert_int_equal(log_read(&position, out, 2 * HADAL_LOG_BYTES), HADAL_LOG_BYTES);
	assert_int_equal(position, log_ring.head);
	free(all);
	free(out);
}

static void reads_stay_within_their_buffer(void **unused)
{
	char out[16];
	uint64_t position = 0;
	(void)unused;

	log_line("some text that is longer than the buffer");
	memset(out, '#', sizeof(out));
	assert_int_equal(log_read(&position, out, 10), 10);
	assert_int_equal(position, 10);
	assert_int_equal(out[10], '#');
	assert_int_equal(log_read(&position, out, 0), 0);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t behind = log_ring.head + (1ull << bit);

		position = behind;
		assert_int_equal(log_read(&position, out, sizeof(out)), 0);
		assert_int_equal(position, behind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(formats, reset),
		cmocka_unit_test_setup(a_long_line_is_cut_and_still_ends, reset),
		cmocka_unit_test_setup(wraps_and_keeps_the_newest, reset),
		cmocka_unit_test_setup(reads_stay_within_their_buffer, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
