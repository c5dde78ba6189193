// SPDX-License-Identifier: MIT
/* Conditions become the clauses that mean the same; what clauses cannot express is refused. */
// Sources: lib/show/condition.c lib/show/lex.c lib/error.c
#include "unit.h"

#include <errno.h>
#include <hadal/abi.h>
#include <stdio.h>
#include <string.h>

#include "show/condition.h"

static struct hadal_clause clauses[HADAL_MAX_CLAUSES];
static struct hadal_error error;

static void expect_clause(size_t i, struct hadal_clause expected)
{
	assert_memory_equal(&clauses[i], &expected, sizeof(expected));
}

static void single_comparisons(void **state)
{
	(void)state;
	assert_int_equal(hadal_condition_parse("rdi == 3", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){.index = 7, .mask = ~0ull, .operand = 3});
	assert_int_equal(hadal_condition_parse("(rsi & 0xff) != 0", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){
				 .index = 6, .mask = 0xff, .compare = HADAL_FILTER_NOT_EQUAL});
	assert_int_equal(hadal_condition_parse("rsi&0xff", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){
				 .index = 6, .mask = 0xff, .compare = HADAL_FILTER_NOT_EQUAL});
	assert_int_equal(hadal_condition_parse("*(u32 *)(rdi + 8) <= 5", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){.value = HADAL_FILTER_MEMORY,
					       .compare = HADAL_FILTER_LESS_EQUAL,
					       .index = 7,
					       .bytes = 4,
					       .offset = 8,
					       .mask = 0xffffffff,
					       .operand = 5});
	assert_int_equal(hadal_condition_parse("*(u64*)(rsp-0x10)>-1", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){.value = HADAL_FILTER_MEMORY,
					       .compare = HADAL_FILTER_GREATER,
					       .index = 4,
					       .bytes = 8,
					       .offset = -0x10,
					       .mask = ~0ull,
					       .operand = ~0ull});
	assert_int_equal(hadal_condition_parse("edi == -1", clauses, &error), 1);
	expect_clause(0,
		      (struct hadal_clause){.index = 7, .mask = 0xffffffff, .operand = 0xffffffff});
	assert_int_equal(hadal_condition_parse("rip < 0x1000", clauses, &error), 1);
	expect_clause(0, (struct hadal_clause){.index = HADAL_REG_RIP,
					       .compare = HADAL_FILTER_LESS,
					       .mask = ~0ull,
					       .operand = 0x1000});
	assert_int_equal(hadal_condition_parse("cpu == 1", clauses, &error), 1);
	expect_clause(
		0, (struct hadal_clause){.value = HADAL_FILTER_CPU, .mask = ~0ull, .operand = 1});
}

/* The operands with their "or", such as "1 2|3". */
static void expect_shape(const char *condition, const char *shape)
{
	char text[128] = "";
	int count = hadal_condition_parse(condition, clauses, &error);

	assert_true(count > 0);
	for (int i = 0; i < count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
			 i == 0                   ? ""
			 : clauses[i].alternative ? "|"
						  : " ",
			 (unsigned)clauses[i].operand);
	assert_string_equal(text, shape);
}

static void joined_ones(void **state)
{
	(void)state;
	expect_shape("rax == 1 && rbx == 2 || rcx == 3", "1 2|3");
	expect_shape("rax == 1 || rbx == 2 && rcx == 3", "1|2 3");
	expect_shape("rax == 1 && (rbx == 2 || rcx == 3)", "1 2|1 3");
	expect_shape("(rax == 1 || rbx == 2) && (rcx == 3 || rdx == 4)", "1 3|1 4|2 3|2 4");
	expect_shape("((rax) == 1)", "1");
	expect_shape("((rax & 7) == 1 && (rax == 2))", "1 2");
}

static void expect_refused(const char *condition, int code)
{
	error.text[0] = '\0';
	assert_int_equal(hadal_condition_parse(condition, clauses, &error), code);
	assert_true(error.text[0]);
}

static void refusals(void **state)
{
	static const char *const wrong[] = {
		"",
		"rdi ==",
		"rdi == rsi",
		"foo == 1",
		"rdi = 3",
		"rdi == 3 &&",
		"rdi == 3)",
		"(rdi == 3",
		"rdi + 1 == 3",
		"*rdi == 3",
		"*(int *)rdi",
		"*(u32)rdi",
		"*(u32 *)edi",
		"*(u32 *)(rdi*2)",
		"3 == rdi",
		"rdi == 1 ||",
		"comm == 3",
		"!rdi",
		"rdi == 99999999999999999999",
		"(rdi & 0xf0) == 0x0f",
		"edi == 0x100000000",
		"*(u8 *)rdi == 256",
		"((((((((((((((((rdi))))))))))))))))",
		"rdi == 1 rsi == 2",
		"rdi & rsi",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_refused(wrong[i], -EINVAL);
	expect_refused("(rax == 1 || rax == 2) && (rbx == 1 || rbx == 2) && (rcx == 1 || rcx == 2)",
		       -E2BIG);
}

static void sixteen(void **state)
{
	char text[512] = "rax == 0";

	(void)state;
	for (int i = 1; i < 16; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " || rax == %d", i);
	assert_int_equal(hadal_condition_parse(text, clauses, &error), 16);
	strcat(text, " || rbx");
	expect_refused(text, -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_comparisons),
		cmocka_unit_test(joined_ones),
		cmocka_unit_test(refusals),
		cmocka_unit_test(sixteen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
