// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/types/*.c
// Libraries: -lbpf -lelf -lz
/* Types laid out and declared in C. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types/outline.h"
#include "unit.h"

struct fixture {
	struct btf *btf;
	struct hadal_types *types;
	int character, number, thing;
};

/*
 * struct thing {                                      offset size
 *	char first;                                    0      1
 *	union {                                        4      8
 *		int left;                              4      4
 *		struct { int a; char b; } pair;        4      8
 *	};
 *	pair_t named;  typedef of that struct          12     8
 *	unsigned low : 3, high : 5;                    20, bits 0-2 and 3-7
 *	struct inner within; { int x; }                24     4
 * };
 */
static void add_thing(struct fixture *fixture)
{
	struct btf *btf = fixture->btf;
	int pair, either, named, inner;

	pair = btf__add_struct(btf, NULL, 8);
	btf__add_field(btf, "a", fixture->number, 0, 0);
	btf__add_field(btf, "b", fixture->character, 32, 0);
	either = btf__add_union(btf, NULL, 8);
	btf__add_field(btf, "left", fixture->number, 0, 0);
	btf__add_field(btf, "pair", pair, 0, 0);
	named = btf__add_typedef(btf, "pair_t", pair);
	inner = btf__add_struct(btf, "inner", 4);
	btf__add_field(btf, "x", fixture->number, 0, 0);
	fixture->thing = btf__add_struct(btf, "thing", 28);
	btf__add_field(btf, "first", fixture->character, 0, 0);
	btf__add_field(btf, NULL, either, 32, 0);
	btf__add_field(btf, "named", named, 96, 0);
	btf__add_field(btf, "low", fixture->number, 160, 3);
	btf__add_field(btf, "high", fixture->number, 163, 5);
	btf__add_field(btf, "within", inner, 192, 0);
}

static int make(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->btf = btf__new_empty();
	fixture->character = btf__add_int(fixture->btf, "char", 1, 0);
	fixture->number = btf__add_int(fixture->btf, "int", 4, BTF_INT_SIGNED);
	add_thing(fixture);
	*state = fixture;
	return 0;
}

static int drop(void **state)
{
	struct fixture *fixture = *state;

	hadal_types_free(fixture->types);
	btf__free(fixture->btf);
	free(fixture);
	return 0;
}

/* What was added is only seen by what is loaded after that. */
static void load(struct fixture *fixture)
{
	uint32_t size;
	const void *raw = btf__raw_data(fixture->btf, &size);

	assert_int_equal(hadal_types_load(raw, size, &fixture->types, NULL), 0);
}

static void expect(struct fixture *fixture, int id, const char *name, const char *expected)
{
	char text[HADAL_DECLARATION_MAX];

	hadal_types_declare(fixture->types, id, name, text);
	assert_string_equal(text, expected);
}

static void declarations_are_as_in_c(void **state)
{
	struct fixture *fixture = *state;
	struct btf *btf = fixture->btf;
	int number = fixture->number;
	int pointer = btf__add_ptr(btf, fixture->thing);
	int fixed = btf__add_const(btf, btf__add_ptr(btf, btf__add_const(btf, number)));
	int row = btf__add_array(btf, number, fixture->character, 16);
	int rows = btf__add_array(btf, number, row, 4);
	int to_row = btf__add_ptr(btf, row);
	int hot = btf__add_volatile(btf, number);
	int format = btf__add_restrict(btf, btf__add_ptr(btf, 0));
	int handler = btf__add_func_proto(btf, number);
	int to_handler, handlers, printer, nothing, maker;

	btf__add_func_param(btf, "what", pointer);
	btf__add_func_param(btf, NULL, hot);
	to_handler = btf__add_ptr(btf, handler);
	handlers = btf__add_array(btf, number, to_handler, 3);
	printer = btf__add_func_proto(btf, 0);
	btf__add_func_param(btf, "format", format);
	btf__add_func_param(btf, NULL, 0);
	nothing = btf__add_func_proto(btf, to_handler);
	maker = btf__add_func(btf, "make_handler", BTF_FUNC_GLOBAL, nothing);
	load(fixture);
	expect(fixture, number, "", "int");
	expect(fixture, number, "x", "int x");
	expect(fixture, 0, "", "void");
	expect(fixture, pointer, "", "struct thing *");
	expect(fixture, pointer, "p", "struct thing *p");
	expect(fixture, fixed, "limit", "const int *const limit");
	expect(fixture, row, "", "char [16]");
	expect(fixture, rows, "names", "char names[4][16]");
	expect(fixture, to_row, "p", "char (*p)[16]");
	expect(fixture, to_handler, "", "int (*)(struct thing *what, volatile int)");
	expect(fixture, handlers, "h", "int (*h[3])(struct thing *what, volatile int)");
	expect(fixture, printer, "print", "void print(void *restrict format, ...)");
	expect(fixture, maker, "", "int (*make_handler(void))(struct thing *what, volatile int)");
	expect(fixture, 12345, "x", "... x");
}

/* A declaration has no more room than HADAL_DECLARATION_MAX, and says when that was not enough. */
static void long_declarations_end_with_dots(void **state)
{
	struct fixture *fixture = *state;
	struct btf *btf = fixture->btf;
	int function = btf__add_func_proto(btf, fixture->number), fits;
	char text[HADAL_DECLARATION_MAX];

	for (int i = 0; i < 60; i++)
		btf__add_func_param(btf, "parameter_with_a_long_name", fixture->number);
	btf__add_func(btf, "many", BTF_FUNC_GLOBAL, function);
	fits = btf__add_func_proto(btf, fixture->number);
	for (int i = 0; i < 30; i++)
		btf__add_func_param(btf, "parameter_with_a_long_name", fixture->number);
	load(fixture);
	for (int id = function; id <= function + 1; id++) {
		hadal_types_declare(fixture->types, id, "", text);
		assert_int_equal(strlen(text), HADAL_DECLARATION_MAX - 1);
		assert_string_equal(text + sizeof(text) - 4, "...");
	}
	hadal_types_declare(fixture->types, fits, "", text);
	assert_string_equal(text + strlen(text) - 6, "_name)");
}

/* Types that go around in circles, and functions with ever more functions in them. */
static void hostile_declarations_end(void **state)
{
	struct fixture *fixture = *state;
	struct btf *btf = fixture->btf;
	int next = btf__type_cnt(btf);
	char text[HADAL_DECLARATION_MAX];

	btf__add_ptr(btf, next + 1);
	btf__add_ptr(btf, next);
	btf__add_const(btf, next + 3);
	btf__add_volatile(btf, next + 2);
	btf__add_func_proto(btf, next + 4);
	for (int i = 0; i < 500; i++)
		btf__add_func_param(btf, "p", next + 4);
	load(fixture);
	for (int i = 0; i < 5; i++)
		hadal_types_declare(fixture->types, next + i, "x", text);
	assert_true(strlen(text) < HADAL_DECLARATION_MAX);
}

struct trace {
	char text[4096];
};

static void write_down(struct trace *trace, char kind, const struct hadal_member *member)
{
	size_t len = strlen(trace->text);

	snprintf(trace->text + len, sizeof(trace->text) - len, "%c%u %s @%u+%u:%u/%u hole %u\n",
		 kind, member->depth, kind == 'e' ? member->name : member->declaration,
		 member->where.offset, member->where.size, member->where.bit_first,
		 member->where.bit_count, member->hole);
}

static void on_member(void *ctx, const struct hadal_member *member)
{
	write_down(ctx, 'm', member);
}

static void on_begin(void *ctx, const struct hadal_member *member)
{
	write_down(ctx, 'b', member);
}

static void on_end(void *ctx, const struct hadal_member *member)
{
	write_down(ctx, 'e', member);
}

static void members_are_outlined(void **state)
{
	struct fixture *fixture = *state;
	struct trace trace = {""};
	const struct hadal_outline outline = {on_member, on_begin, on_end, &trace};

	load(fixture);
	assert_int_equal(hadal_types_outline(fixture->types, fixture->thing, false, &outline), 0);
	assert_string_equal(trace.text, "m1 char first @0+1:0/0 hole 0\n"
					"b1 union @4+8:0/0 hole 3\n"
					"m2 int left @4+4:0/0 hole 0\n"
					"b2 struct @4+8:0/0 hole 0\n"
					"m3 int a @4+4:0/0 hole 0\n"
					"m3 char b @8+1:0/0 hole 0\n"
					"e2 pair @4+8:0/0 hole 0\n"
					"e1  @4+8:0/0 hole 3\n"
					"m1 pair_t named @12+8:0/0 hole 0\n"
					"m1 int low @20+4:0/3 hole 0\n"
					"m1 int high @20+4:3/5 hole 0\n"
					"m1 struct inner within @24+4:0/0 hole 3\n");
	trace.text[0] = '\0';
	assert_int_equal(hadal_types_outline(fixture->types, fixture->thing, true, &outline), 0);
	assert_non_null(strstr(trace.text, "b1 struct @12+8:0/0 hole 0\n"
					   "m2 int a @12+4:0/0 hole 0\n"));
	assert_non_null(strstr(trace.text, "b1 struct inner @24+4:0/0 hole 3\n"
					   "m2 int x @24+4:0/0 hole 0\n"));
	assert_int_equal(hadal_types_outline(fixture->types, fixture->number, true, &outline),
			 -EINVAL);
}

static void nothing(void *ctx, const struct hadal_member *member)
{
	(void)ctx;
	(void)member;
}

static void endless_nesting_ends(void **state)
{
	struct fixture *fixture = *state;
	const struct hadal_outline outline = {nothing, nothing, nothing, NULL};
	int endless = btf__add_struct(fixture->btf, NULL, 8);

	for (int i = 0; i < 50; i++)
		btf__add_field(fixture->btf, NULL, endless, 0, 0);
	load(fixture);
	assert_int_equal(hadal_types_outline(fixture->types, endless, false, &outline), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(declarations_are_as_in_c, make, drop),
		cmocka_unit_test_setup_teardown(long_declarations_end_with_dots, make, drop),
		cmocka_unit_test_setup_teardown(hostile_declarations_end, make, drop),
		cmocka_unit_test_setup_teardown(members_are_outlined, make, drop),
		cmocka_unit_test_setup_teardown(endless_nesting_ends, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
