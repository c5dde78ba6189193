// SPDX-License-Identifier: MIT
// Sources: vmm/ext/bareflank/json_read.c vmm/ext/bareflank/json_write.c
// Sources: vmm/ext/bareflank/registers.c vmm/vcpu/register_check.c
/* Reading registers from JSON: exactly what writing gives, any subset of it, and nothing else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"
#include "ext/bareflank/registers.h"
#include "registers_fixture.h"

/* A copy that ends where the text does, so that a byte read behind it is found. */
static int read_exactly(const char *text, size_t bytes, struct register_object *object)
{
	char *copy = malloc(bytes);
	int result;

	memcpy(copy, text, bytes);
	result = registers_from_json(copy, bytes, object);
	free(copy);
	return result;
}

static int read_text(const char *text, struct register_object *object)
{
	memset(object, 0, sizeof(*object));
	return read_exactly(text, strlen(text), object);
}

static void what_is_written_is_read(void **unused)
{
	struct hadal_regs regs = registers_of_linux();
	const uint64_t hidden = 1ull << HADAL_REG_PAT | 1ull << HADAL_REG_TSC_AUX;
	struct register_object object = {.mask = 0};
	char text[REGISTERS_JSON_MAX];
	size_t bytes = registers_to_json(&regs, text);
	(void)unused;

	assert_int_equal(read_exactly(text, bytes + 1, &object), 0);
	assert_int_equal(read_exactly(text, bytes, &object), 0);
	assert_int_equal(object.mask, REGISTER_MASK_ALL & ~hidden);
	assert_false(object.has_vcpu);
	regs.pat = object.regs.pat;
	regs.cpu = object.regs.cpu;
	assert_memory_equal(&regs, &object.regs, sizeof(regs));
	for (size_t cut = 0; cut < bytes; cut++)
		assert_int_not_equal(read_exactly(text, cut, &object), 0);
}

static void numbers(void **unused)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"7", 7},
		{"-1", -1ull},
		{"9223372036854775807", 0x7fffffffffffffff},
		{"-9223372036854775808", 1ull << 63},
		{"9223372036854775808", 1ull << 63},
		{"18446744073709551615", -1ull},
	};
	static const char *const bad[] = {
		"",
		"-",
		"--1",
		"+1",
		"00",
		"01",
		"-01",
		"1.5",
		"1e3",
		"0x1",
		"1 2",
		"\"1\"",
		"null",
		"18446744073709551616",
		"20000000000000000000",
		"-9223372036854775809",
		"-18446744073709551615",
	};
	struct register_object object;
	char text[100];
	(void)unused;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(text, sizeof(text), "{\"RBX\":%s}", good[i].text);
		assert_int_equal(read_text(text, &object), 0);
		assert_int_equal(object.regs.rbx, good[i].value);
		assert_int_equal(object.mask, 1 << 3);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "{\"RBX\":%s}", bad[i]);
		assert_int_not_equal(read_text(text, &object), 0);
	}
}

static void widths(void **unused)
{
	struct register_object object;
	(void)unused;

	assert_int_equal(read_text("{\"CS_SEL\":65535,\"DS_LIMIT\":4294967295}", &object), 0);
	assert_int_equal(object.regs.cs.selector, 0xffff);
	assert_int_equal(object.regs.ds.limit, 0xffffffff);
	assert_int_equal(object.mask, 1ull << HADAL_REG_CS | 1ull << HADAL_REG_DS);
	assert_int_not_equal(read_text("{\"CS_SEL\":65536}", &object), 0);
	assert_int_not_equal(read_text("{\"CS_SEL\":-1}", &object), 0);
	assert_int_not_equal(read_text("{\"DS_LIMIT\":4294967296}", &object), 0);
	assert_int_not_equal(read_text("{\"GDTR_LIMIT\":-1}", &object), 0);
}

static void objects(void **unused)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"}",
		"{}}",
		"{} x",
		"[1]",
		"{\"RBX\":1,}",
		"{,}",
		"{\"RBX\":1,\"RBX\":1}",
		"{\"VCPU\":1,\"VCPU\":1}",
		"{\"VCPU\":-1}",
		"{\"NONE\":1}",
		"{\"rbx\":1}",
		"{\"RBX\" 1}",
		"{\"RBX",
		"{\"RBX\"",
		"{\"\\\"RBX\":1}",
		"{\"RBX\":{\"RBX\":1}}",
	};
	struct register_object object;
	(void)unused;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(read_text(bad[i], &object), 0);
	assert_int_equal(read_text("\n{\t}\r\n ", &object), 0);
	assert_int_equal(object.mask, 0);
	assert_int_equal(read_exactly("{}\0garbage", 10, &object), 0);
	assert_int_equal(read_text("{ \"VCPU\" : 5 , \"CR2\" : 6 }", &object), 0);
	assert_true(object.has_vcpu);
	assert_int_equal(object.vcpu, 5);
	assert_int_equal(object.regs.cr2, 6);
	assert_int_equal(object.mask, 1ull << HADAL_REG_CR2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(numbers),
		cmocka_unit_test(widths),
		cmocka_unit_test(objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
