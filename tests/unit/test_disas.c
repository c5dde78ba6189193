// SPDX-License-Identifier: MIT
// Sources: lib/error.c lib/disas/disas.c
// Libraries: -lcapstone
/* Instructions in both syntaxes, and bytes that are none. */
#include <string.h>

#include "disas/disas.h"
#include "unit.h"

#define AT 0xffffffff81000000ull

/* Disassembles bytes at AT, which must be enough; the rest is nops. */
static struct hadal_instruction one(enum hadal_syntax syntax, const char *bytes, size_t len)
{
	struct hadal_disassembler *disassembler = hadal_disassembler_new(syntax, NULL);
	struct hadal_instruction instruction;
	uint8_t code[32];

	assert_non_null(disassembler);
	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, len);
	assert_true(hadal_disassemble(disassembler, AT, code, sizeof(code), &instruction));
	hadal_disassembler_free(disassembler);
	return instruction;
}

static void syntaxes_differ(void **state)
{
	struct hadal_instruction instruction = one(HADAL_SYNTAX_ATT, "\x48\x89\xe5", 3);

	(void)state;
	assert_int_equal(instruction.len, 3);
	assert_memory_equal(instruction.bytes, "\x48\x89\xe5", 3);
	assert_string_equal(instruction.mnemonic, "movq");
	assert_string_equal(instruction.operands, "%rsp, %rbp");
	assert_false(instruction.has_target || instruction.padding);
	instruction = one(HADAL_SYNTAX_INTEL, "\x48\x89\xe5", 3);
	assert_string_equal(instruction.mnemonic, "mov");
	assert_string_equal(instruction.operands, "rbp, rsp");
}

static void targets_are_told(void **state)
{
	/* call .+0x105; jne .-2; lea 0x10(%rip),%rdi; call *0x10(%rip); call *%rax */
	struct hadal_instruction instruction = one(HADAL_SYNTAX_ATT, "\xe8\x00\x01\0\0", 5);

	(void)state;
	assert_true(instruction.branches);
	assert_true(instruction.target == AT + 0x105);
	instruction = one(HADAL_SYNTAX_ATT, "\x75\xfc", 2);
	assert_true(instruction.branches && instruction.target == AT - 2);
	instruction = one(HADAL_SYNTAX_ATT, "\x48\x8d\x3d\x10\0\0\0", 7);
	assert_true(instruction.has_target && instruction.target == AT + 0x17);
	assert_false(instruction.branches);
	instruction = one(HADAL_SYNTAX_ATT, "\xff\x15\x10\0\0\0", 6);
	assert_true(instruction.has_target && instruction.target == AT + 0x16);
	assert_false(instruction.branches);
	instruction = one(HADAL_SYNTAX_ATT, "\xff\xd0", 2);
	assert_false(instruction.has_target || instruction.branches);
}

static void padding_is_told(void **state)
{
	(void)state;
	assert_true(one(HADAL_SYNTAX_ATT, "\xcc", 1).padding);
	assert_true(one(HADAL_SYNTAX_ATT, "\x0f\x1f\x44\0\0", 5).padding);
	assert_false(one(HADAL_SYNTAX_ATT, "\xc3", 1).padding);
}

static void what_is_no_instruction_is_a_byte(void **state)
{
	struct hadal_disassembler *disassembler = hadal_disassembler_new(HADAL_SYNTAX_ATT, NULL);
	struct hadal_instruction instruction = one(HADAL_SYNTAX_ATT, "\x06", 1);

	(void)state;
	assert_int_equal(instruction.len, 1);
	assert_string_equal(instruction.mnemonic, "(bad)");
	/* The beginning of one, and nothing at all */
	assert_false(
		hadal_disassemble(disassembler, AT, (const uint8_t *)"\xe8\x00", 2, &instruction));
	assert_false(hadal_disassemble(disassembler, AT, (const uint8_t *)"", 0, &instruction));
	hadal_disassembler_free(disassembler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntaxes_differ),
		cmocka_unit_test(targets_are_told),
		cmocka_unit_test(padding_is_told),
		cmocka_unit_test(what_is_no_instruction_is_a_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
