// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/symbols/kallsyms.c lib/symbols/kallsyms_find.c
// Sources: tests/unit/kallsyms_builder.c
/* Tables of symbols in every order, found and looked up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms_builder.h"
#include "symbols/kallsyms.h"
#include "unit.h"

#define BASE         0xffffffff9a200000ull
#define MAX_SYMBOLS  3000
#define BUFFER       (512u << 10)
#define TABLES_BEGIN 4096u
#define BUFFER_VA    (BASE + 0x1400000)

static struct builder_symbol symbols[MAX_SYMBOLS];
static uint8_t buffer[BUFFER] __attribute__((aligned(8)));

/* count symbols with names like the kernel's; the first `percpu` ones at small addresses. */
static struct kallsyms_plan make_symbols(size_t count, size_t percpu)
{
	static const char *const stems[] = {"sys_read", "__x64_sys",      "tcp_v4_rcv",
					    "do_fault", "_raw_spin_lock", "ext4_get_inode_loc"};

	for (size_t i = 0; i < count; i++) {
		struct builder_symbol *symbol = &symbols[i];

		symbol->address = i < percpu ? i * 0x40 : BASE + (i - percpu) * 0x30;
		symbol->type = "TtDdBbR"[i % 7];
		snprintf(symbol->name, sizeof(symbol->name), "%s_%zu_%zx", stems[i % 6], i,
			 i * 2654435761u);
	}
	return (struct kallsyms_plan){
		.symbols = symbols,
		.count = count,
		.absolute_percpu = percpu,
		.relative_base = BASE,
		.va = BUFFER_VA + TABLES_BEGIN,
	};
}

/* Builds the tables among other data of a kind that may mislead. */
static struct kallsyms_places build(const struct kallsyms_plan *plan)
{
	static const char digits[] = "0\0"
				     "1\0"
				     "2\0"
				     "3\0"
				     "4\0"
				     "5\0"
				     "6\0"
				     "7\0"
				     "8\0"
				     "9";
	struct kallsyms_places places;

	memset(buffer, 0, sizeof(buffer));
	srand(plan->count);
	for (size_t i = 0; i < TABLES_BEGIN - 64; i++)
		buffer[i] = rand();
	memcpy(buffer + 100, digits, sizeof(digits));
	kallsyms_build(plan, buffer + TABLES_BEGIN, sizeof(buffer) - TABLES_BEGIN, &places);
	for (size_t i = TABLES_BEGIN + places.end; i < sizeof(buffer); i++)
		buffer[i] = rand();
	return places;
}

static void check_all(const struct kallsyms_plan *plan)
{
	struct hadal_kallsyms *kallsyms;
	struct hadal_symbol symbol;

	assert_int_equal(hadal_kallsyms_find(buffer, sizeof(buffer), BUFFER_VA, &kallsyms, NULL),
			 0);
	assert_int_equal(hadal_kallsyms_count(kallsyms), plan->count);
	for (size_t i = 0; i < plan->count; i++) {
		assert_int_equal(hadal_kallsyms_get(kallsyms, i, &symbol), 0);
		assert_string_equal(symbol.name, plan->symbols[i].name);
		assert_int_equal(symbol.type, plan->symbols[i].type);
		assert_true(symbol.address == plan->symbols[i].address);
	}
	assert_int_equal(hadal_kallsyms_get(kallsyms, plan->count, &symbol), -ENOENT);
	/* And out of order. */
	for (size_t i = plan->count; i-- > 0; i -= i > 37 ? 37 : 0) {
		assert_int_equal(hadal_kallsyms_get(kallsyms, i, &symbol), 0);
		assert_string_equal(symbol.name, plan->symbols[i].name);
	}
	hadal_kallsyms_free(kallsyms);
}

static void every_order_is_read(void **state)
{
	/* An odd and an even number of markers, a full last one, one with a single name. */
	static const size_t counts[] = {700, 768, 1000, 1025, 2900};

	(void)state;
	for (int order = 0; order < KALLSYMS_ORDERS; order++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			for (size_t percpu = 0; percpu <= (order == KALLSYMS_7 ? 0 : 50);
			     percpu += 50) {
				struct kallsyms_plan plan = make_symbols(counts[i], percpu);

				plan.order = order;
				build(&plan);
				check_all(&plan);
			}
		}
	}
}

static void long_names_are_read(void **state)
{
	struct kallsyms_plan plan = make_symbols(600, 0);
	struct kallsyms_places places;
	size_t at, two_bytes = 0;

	(void)state;
	srand(1);
	/* Random letters compress badly, so that the length in codes stays above 127. */
	for (size_t i = 0; i < 299; i++)
		symbols[300].name[i] = 33 + rand() % 90;
	places = build(&plan);
	at = TABLES_BEGIN + places.names;
	for (size_t i = 0; i < 600; i++) {
		size_t length = buffer[at++];

		two_bytes += length >> 7;
		length = length < 128 ? length : (length & 127) | buffer[at++] << 7;
		at += length;
	}
	assert_int_equal(two_bytes, 1);
	check_all(&plan);
}

static void lookups_find_names(void **state)
{
	struct kallsyms_plan plan = make_symbols(1000, 20);
	struct hadal_lookup lookups[3] = {
		{.name = symbols[3].name}, {.name = "no_such_symbol"}, {.name = symbols[999].name}};
	struct hadal_kallsyms *kallsyms;
	char longer[320];

	(void)state;
	strcpy(symbols[500].name, symbols[400].name);
	snprintf(longer, sizeof(longer), "%sx", symbols[7].name);
	build(&plan);
	assert_int_equal(hadal_kallsyms_find(buffer, sizeof(buffer), BUFFER_VA, &kallsyms, NULL),
			 0);
	assert_int_equal(hadal_kallsyms_lookup(kallsyms, lookups, 3), 2);
	assert_true(lookups[0].address == symbols[3].address);
	assert_true(lookups[1].address == 0);
	assert_true(lookups[2].address == symbols[999].address);
	assert_true(hadal_kallsyms_address(kallsyms, symbols[400].name) == symbols[400].address);
	assert_true(hadal_kallsyms_address(kallsyms, longer) == 0);
	longer[strlen(longer) - 2] = '\0';
	assert_true(hadal_kallsyms_address(kallsyms, longer) == 0);
	assert_int_equal(hadal_kallsyms_nearest(kallsyms, symbols[600].address), 600);
	assert_int_equal(hadal_kallsyms_nearest(kallsyms, symbols[600].address + 5), 600);
	assert_int_equal(hadal_kallsyms_nearest(kallsyms, ~0ull), 999);
	assert_int_equal(hadal_kallsyms_nearest(kallsyms, symbols[0].address), 0);
	hadal_kallsyms_free(kallsyms);
}

static void damage_is_refused(void **state)
{
	struct kallsyms_plan plan = make_symbols(1000, 0);
	struct kallsyms_places places = build(&plan);
	struct hadal_error error = {0};
	struct hadal_kallsyms *kallsyms;
	const uint8_t *nul = memchr(buffer + TABLES_BEGIN + places.token_table, '\0', 100);
	const size_t damaged[] = {
		places.markers + 8,
		places.token_index + 100,
		places.num_syms,
		places.names,
		places.base + 7,
		places.offsets + 4 * 500 + 3,
		nul - (buffer + TABLES_BEGIN),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		uint8_t *byte = &buffer[TABLES_BEGIN + damaged[i]];

		*byte ^= 0x55;
		assert_int_equal(
			hadal_kallsyms_find(buffer, sizeof(buffer), BUFFER_VA, &kallsyms, &error),
			-ENOENT);
		*byte ^= 0x55;
	}
	assert_non_null(strstr(error.text, "kallsyms"));
	check_all(&plan);
}

static void truncated_tables_are_refused(void **state)
{
	struct kallsyms_plan plan = make_symbols(700, 0);

	(void)state;
	for (int order = 0; order < KALLSYMS_ORDERS; order++) {
		struct kallsyms_places places;
		size_t end;

		plan.order = order;
		places = build(&plan);
		end = TABLES_BEGIN +
		      (order == KALLSYMS_6_4 ? places.base + 8 : places.token_index + 512);
		for (size_t len = end - 1; len > 300; len -= 257) {
			/* On the heap, so that reading past the end is seen. */
			uint8_t *part = malloc(len);
			struct hadal_kallsyms *kallsyms;

			memcpy(part, buffer, len);
			assert_int_equal(hadal_kallsyms_find(part, len, BUFFER_VA, &kallsyms, NULL),
					 -ENOENT);
			free(part);
			part = malloc(len);
			memcpy(part, buffer + end - len, len);
			if (end - len > TABLES_BEGIN)
				assert_int_equal(
					hadal_kallsyms_find(part, len, BUFFER_VA, &kallsyms, NULL),
					-ENOENT);
			free(part);
		}
	}
}

/* Of 7.x, addresses follow from where the tables lie, which may be told later. */
static void place_may_be_told_later(void **state)
{
	struct kallsyms_plan plan = make_symbols(700, 0);
	struct hadal_kallsyms *kallsyms;

	(void)state;
	plan.order = KALLSYMS_7;
	build(&plan);
	assert_int_equal(hadal_kallsyms_find(buffer, sizeof(buffer), 0, &kallsyms, NULL), 0);
	assert_true(hadal_kallsyms_address(kallsyms, symbols[9].name) ==
		    symbols[9].address - BUFFER_VA);
	hadal_kallsyms_set_va(kallsyms, BUFFER_VA);
	assert_true(hadal_kallsyms_address(kallsyms, symbols[9].name) == symbols[9].address);
	assert_int_equal(hadal_kallsyms_nearest(kallsyms, symbols[300].address + 1), 300);
	hadal_kallsyms_free(kallsyms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_is_read),
		cmocka_unit_test(long_names_are_read),
		cmocka_unit_test(lookups_find_names),
		cmocka_unit_test(damage_is_refused),
		cmocka_unit_test(place_may_be_told_later),
		cmocka_unit_test(truncated_tables_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
