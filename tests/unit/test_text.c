// SPDX-License-Identifier: MIT
/* Text of unknown origin on its way to a terminal and into JSON. */
// Sources: cli/text.c
// Libraries: -ljson-c
#include "unit.h"

#include <string.h>

#include "../../cli/text.h"

static const char *terminal(const char *text)
{
	static char out[256];

	return text_for_terminal(text, strlen(text), out, sizeof(out));
}

static void shows_plain_text_as_it_is(void **state)
{
	(void)state;
	assert_string_equal(terminal("plain, gr\xc3\xbc\xc3\x9f, \xe2\x82\xac, \xf0\x9f\x90\x9f"),
			    "plain, gr\xc3\xbc\xc3\x9f, \xe2\x82\xac, \xf0\x9f\x90\x9f");
}

static void shows_what_a_terminal_would_do_as_digits(void **state)
{
	(void)state;
	assert_string_equal(terminal("a\nb\x1b[31m\x7f"), "a\\012b\\033[31m\\177");
	/* CSI as one character, an override of the direction, a byte that is none. */
	assert_string_equal(terminal("\xc2\x9b"), "\\302\\233");
	assert_string_equal(terminal("\xe2\x80\xae"), "\\342\\200\\256");
	assert_string_equal(terminal("x\xff\xc3"), "x\\377\\303");
	/* Longer than it need be, a surrogate, above the last character. */
	assert_string_equal(terminal("\xc0\xaf"), "\\300\\257");
	assert_string_equal(terminal("\xed\xa0\x80"), "\\355\\240\\200");
	assert_string_equal(terminal("\xf4\x90\x80\x80"), "\\364\\220\\200\\200");
}

static void cuts_between_characters(void **state)
{
	char out[4];

	(void)state;
	assert_string_equal(text_for_terminal("ab\xc3\xbc", 4, out, sizeof(out)), "ab");
	assert_string_equal(text_for_terminal("\n", 1, out, sizeof(out)), "");
	assert_int_equal(text_columns("gr\xc3\xbcn"), 4);
	assert_int_equal(text_bytes("gr\xc3\xbcn", 3), 4);
	assert_int_equal(text_bytes("gr", 3), 2);
}

static void json_is(const char *text, size_t len, const char *expected)
{
	struct json_object *object = text_json(text, len);

	assert_string_equal(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN),
			    expected);
	json_object_put(object);
}

static void keeps_everything_in_json(void **state)
{
	(void)state;
	json_is("gr\xc3\xbcn\n\"\\\t", 9, "\"gr\xc3\xbcn\\n\\\"\\\\\\t\"");
	json_is("a\0b\x1f", 4, "\"a\\u0000b\\u001f\"");
	json_is("\x80x\xff", 3, "\"\\udc80x\\udcff\"");
	json_is("\xed\xa0\x80", 3, "\"\\udced\\udca0\\udc80\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_plain_text_as_it_is),
		cmocka_unit_test(shows_what_a_terminal_would_do_as_digits),
		cmocka_unit_test(cuts_between_characters),
		cmocka_unit_test(keeps_everything_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
