// SPDX-License-Identifier: MIT
/* What the command makes of numbers and bytes on its command line. */
// Sources: cli/parse.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../cli/parse.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0},
		{"4096", 0, 4096},
		{"0x1000", 0, 0x1000},
		{"0XfF", 0, 255},
		{"010", 0, 10},
		{"18446744073709551615", 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX},
		{"18446744073709551616", -EINVAL, 0},
		{"0x10000000000000000", -EINVAL, 0},
		{"", -EINVAL, 0},
		{"0x", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"ff", -EINVAL, 0},
		{"1k", -EINVAL, 0},
		{"0x-1", -EINVAL, 0},
		{"0x0x1", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		assert_int_equal(parse_number(cases[i].text, &value), cases[i].result);
		assert_true(value == cases[i].value);
	}
}

static void lengths(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t value;
	} cases[] = {
		{"16", 0, 16},
		{"4k", 0, 4096},
		{"4K", 0, 4096},
		{"0x10M", 0, 16ull << 20},
		{"3G", 0, 3ull << 30},
		{"1T", 0, 1ull << 40},
		{"16777215T", 0, 16777215ull << 40},
		{"16777216T", -EINVAL, 0},
		{"1kk", -EINVAL, 0},
		{"k", -EINVAL, 0},
		{"1m", -EINVAL, 0},
		{"1 k", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t value = 0;

		assert_int_equal(parse_length(cases[i].text, &value), cases[i].result);
		assert_true(value == cases[i].value);
	}
}

static void bytes(void **state)
{
	static const char *const wrong[] = {"0", "abc", "0x12", "1 2", "zz", "12 3"};
	static const uint8_t expected[] = {0xde, 0xad, 0xBE, 0xef};
	uint8_t *out;
	size_t length;

	(void)state;
	assert_int_equal(parse_hex("de AD\tbeEF ", &out, &length), 0);
	assert_int_equal(length, sizeof(expected));
	assert_memory_equal(out, expected, length);
	free(out);
	assert_int_equal(parse_hex("", &out, &length), 0);
	assert_int_equal(length, 0);
	free(out);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_hex(wrong[i], &out, &length), -EINVAL);
}

static void hex_dump(void **state)
{
	static const uint8_t data[] = "0123456789abcdef\x00\x7f\xff ~";
	static const char expected[] =
		"ffffffff81000000: 3031 3233 3435 3637 3839 6162 6364 6566  0123456789abcdef\n"
		"ffffffff81000010: 007f ff20 7e                             ... ~\n";
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	print_hex(out, 0xffffffff81000000, data, sizeof(data) - 1);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(lengths),
		cmocka_unit_test(bytes),
		cmocka_unit_test(hex_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
