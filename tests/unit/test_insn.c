// SPDX-License-Identifier: MIT
// Sources: vmm/base/insn.c
// Libraries: -lcapstone
/* The decoder of instructions, against Capstone. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <capstone/capstone.h>
#include "unit.h"
#include "random.h"
#include "base/errno.h"
#include "base/insn.h"

#define NONE INSN_NO_REGISTER

/* Decode from a block of exactly the bytes given, so that the sanitizer sees any read beyond. */
static int decode(const void *bytes, size_t avail, enum insn_mode mode, struct insn *insn)
{
	uint8_t *copy = malloc(avail ? avail : 1);
	int err;

	memcpy(copy, bytes, avail);
	err = insn_decode(copy, avail, mode, insn);
	free(copy);
	return err;
}

#define DECODE(insn, mode, text)                                         \
	assert_int_equal(decode(text, sizeof(text) - 1, mode, insn), 0); \
	assert_int_equal((insn)->length, sizeof(text) - 1)

static void plain_instructions(void **unused)
{
	static const struct {
		const char *bytes;
		uint8_t length;
		uint8_t id;
	} cases[] = {
		{"\x0f\xa2", 2, INSN_CPUID},
		{"\x0f\x32", 2, INSN_RDMSR},
		{"\x0f\x30", 2, INSN_WRMSR},
		{"\x0f\x31", 2, INSN_RDTSC},
		{"\x0f\x33", 2, INSN_RDPMC},
		{"\x0f\x08", 2, INSN_INVD},
		{"\x0f\x09", 2, INSN_WBINVD},
		{"\xf3\x0f\x09", 3, INSN_WBINVD},
		{"\x0f\x0b", 2, INSN_UD2},
		{"\x0f\x06", 2, INSN_CLTS},
		{"\xa4", 1, INSN_MOVS},
		{"\xf3\x48\xa5", 3, INSN_MOVS},
		{"\xf3\xaa", 2, INSN_STOS},
		{"\x66\xab", 2, INSN_STOS},
		{"\xf4", 1, INSN_HLT},
		{"\xf3\x90", 2, INSN_PAUSE},
		{"\xcc", 1, INSN_INT3},
		{"\xcd\x80", 2, INSN_INT},
		{"\xf1", 1, INSN_INT1},
		{"\xcf", 1, INSN_IRET},
		{"\x48\xcf", 2, INSN_IRET},
		{"\x9c", 1, INSN_PUSHF},
		{"\x9d", 1, INSN_POPF},
		{"\x0f\x01\xc1", 3, INSN_VMCALL},
		{"\x0f\x01\xc2", 3, INSN_VMLAUNCH},
		{"\x0f\x01\xc3", 3, INSN_VMRESUME},
		{"\x0f\x01\xc4", 3, INSN_VMXOFF},
		{"\x0f\x01\xc8", 3, INSN_MONITOR},
		{"\x0f\x01\xc9", 3, INSN_MWAIT},
		{"\x0f\x01\xd0", 3, INSN_XGETBV},
		{"\x0f\x01\xd1", 3, INSN_XSETBV},
		{"\x0f\x01\xd4", 3, INSN_VMFUNC},
		{"\x0f\x01\xd8", 3, INSN_VMRUN},
		{"\x0f\x01\xd9", 3, INSN_VMMCALL},
		{"\x0f\x01\xda", 3, INSN_VMLOAD},
		{"\x0f\x01\xdb", 3, INSN_VMSAVE},
		{"\x0f\x01\xdc", 3, INSN_STGI},
		{"\x0f\x01\xdd", 3, INSN_CLGI},
		{"\x0f\x01\xde", 3, INSN_SKINIT},
		{"\x0f\x01\xdf", 3, INSN_INVLPGA},
		{"\x0f\x01\xf8", 3, INSN_SWAPGS},
		{"\x0f\x01\xf9", 3, INSN_RDTSCP},
		{"\x0f\x01\xfa", 3, INSN_MONITORX},
		{"\x0f\x01\xfb", 3, INSN_MWAITX},
		{"\x0f\x01\x00", 3, INSN_SGDT},
		{"\x0f\x01\x08", 3, INSN_SIDT},
		{"\x0f\x01\x10", 3, INSN_LGDT},
		{"\x0f\x01\x18", 3, INSN_LIDT},
		{"\x0f\x01\x20", 3, INSN_SMSW},
		{"\x0f\x01\xe0", 3, INSN_SMSW},
		{"\x0f\x01\x30", 3, INSN_LMSW},
		{"\x0f\x01\xf7", 3, INSN_LMSW},
		{"\x0f\x01\x38", 3, INSN_INVLPG},
		{"\x0f\x00\xc0", 3, INSN_SLDT},
		{"\x0f\x00\xc8", 3, INSN_STR},
		{"\x0f\x00\xd0", 3, INSN_LLDT},
		{"\x0f\x00\xd8", 3, INSN_LTR},
		{"\x0f\xc7\x30", 3, INSN_VMPTRLD},
		{"\x66\x0f\xc7\x30", 4, INSN_VMCLEAR},
		{"\xf3\x0f\xc7\x30", 4, INSN_VMXON},
		{"\x0f\xc7\x38", 3, INSN_VMPTRST},
		{"\x0f\xc7\xf0", 3, INSN_RDRAND},
		{"\x0f\xc7\xf8", 3, INSN_RDSEED},
		{"\xf3\x0f\xc7\xf8", 4, INSN_RDPID},
		{"\x0f\x78\xc1", 3, INSN_VMREAD},
		{"\x0f\x79\xc1", 3, INSN_VMWRITE},
		{"\x66\x0f\x38\x80\x08", 5, INSN_INVEPT},
		{"\x66\x0f\x38\x81\x08", 5, INSN_INVVPID},
		{"\x66\x0f\x38\x82\x08", 5, INSN_INVPCID},
	};
	struct insn insn;
	(void)unused;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t longer[INSN_MAX_BYTES] = {0};

		memcpy(longer, cases[i].bytes, cases[i].length);
		for (unsigned more = 0; more < 2; more++) {
			assert_int_equal(
				decode(longer, more ? 15 : cases[i].length, INSN_64, &insn), 0);
			assert_int_equal(insn.id, cases[i].id);
			assert_int_equal(insn.length, cases[i].length);
		}
		/* all of it is needed */
		for (size_t part = 0; part < cases[i].length; part++)
			assert_int_equal(decode(longer, part, INSN_64, &insn), -ENODATA);
	}
}

static void others_are_refused(void **unused)
{
	static const struct {
		char bytes[8];
		enum insn_mode mode;
	} cases[] = {
		{"\x90\x90", INSN_64},
		{"\xf2\x90", INSN_64},
		{"\xce\x90", INSN_64},                 /* INTO does not exist in 64-bit mode */
		{"\xc7\x08\x01\x02\x03\x04", INSN_64}, /* MOV only with reg 0 */
		{"\xc6\x38\x01", INSN_64},
		{"\x0f\x01\xc0", INSN_64},
		{"\x0f\x01\xd5", INSN_64}, /* XEND */
		{"\x0f\x01\x28", INSN_64},
		{"\x0f\x00\x20", INSN_64}, /* VERR */
		{"\x0f\xc7\x08", INSN_64}, /* CMPXCHG8B */
		{"\x0f\x38\x80\x08", INSN_64},
		{"\xf2\x0f\x79\xc1", INSN_64}, /* INSERTQ */
		{"\x0f\x05", INSN_64},
		{"\x0f\x0f\x00\x00", INSN_64},
		{"\xc5\xf8\x77\x00", INSN_64},
		{"\x40\x0f\xa2", INSN_32}, /* INC, not REX */
	};
	struct insn insn;
	(void)unused;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t longer[INSN_MAX_BYTES] = {0};

		memcpy(longer, cases[i].bytes, sizeof(cases[i].bytes));
		assert_int_equal(decode(longer, 15, cases[i].mode, &insn), -EINVAL);
	}
}

static void prefixes_count_for_the_length(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x66\x67\x2e\xf2\xf3\x48\x0f\xa2");
	assert_int_equal(insn.id, INSN_CPUID);
	assert_int_equal(insn.rex, 0x48);
	assert_int_equal(insn.repeat, 0xf3);
	assert_true(insn.operand_prefix);
	assert_true(insn.address_prefix);
	DECODE(&insn, INSN_64, "\x65\x2e\x0f\xa2");
	assert_int_equal(insn.segment, 0x65); /* CS does nothing in 64-bit mode */
	DECODE(&insn, INSN_32, "\x65\x2e\x0f\xa2");
	assert_int_equal(insn.segment, 0x2e);
	DECODE(&insn, INSN_64, "\xf0\x0f\x20\xc0");
	assert_true(insn.lock);
	DECODE(&insn, INSN_16, "\x66\x0f\xa2");
	DECODE(&insn, INSN_32, "\x67\x0f\xa2");
}

static void rex_counts_right_before_the_opcode_only(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x48\x66\x0f\x22\xc0");
	assert_int_equal(insn.rex, 0);
	DECODE(&insn, INSN_64, "\x44\x66\x0f\x22\xc0");
	assert_int_equal(insn.reg, 0);
	DECODE(&insn, INSN_64, "\x41\x44\x0f\x22\xc0"); /* the last of two */
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn.rm, 0);
}

static void fifteen_bytes_at_most(void **unused)
{
	uint8_t bytes[20];
	struct insn insn;
	(void)unused;

	memset(bytes, 0x66, sizeof(bytes));
	memcpy(bytes + 13, "\x0f\xa2", 2);
	assert_int_equal(decode(bytes, 15, INSN_64, &insn), 0);
	assert_int_equal(insn.length, 15);
	assert_int_equal(decode(bytes, 14, INSN_64, &insn), -ENODATA);
	memcpy(bytes + 13, "\x66\x0f\xa2", 3);
	assert_int_equal(decode(bytes, 20, INSN_64, &insn), -EINVAL);
	assert_int_equal(decode(bytes, 15, INSN_64, &insn), -EINVAL);
	memset(bytes, 0x66, sizeof(bytes));
	assert_int_equal(decode(bytes, 20, INSN_64, &insn), -EINVAL);
	assert_int_equal(decode(bytes, 3, INSN_64, &insn), -ENODATA);
}

static void control_and_debug_registers(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x0f\x20\xd8");
	assert_int_equal(insn.id, INSN_MOV_FROM_CR);
	assert_int_equal(insn.reg, 3);
	assert_int_equal(insn.rm, 0);
	assert_int_equal(insn.operand_bytes, 8);
	DECODE(&insn, INSN_64, "\x45\x0f\x22\xc1");
	assert_int_equal(insn.id, INSN_MOV_TO_CR);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn.rm, 9);
	assert_false(insn.is_memory);
	/* the mod field does not count */
	DECODE(&insn, INSN_64, "\x0f\x22\x04");
	assert_int_equal(insn.reg, 0);
	assert_int_equal(insn.rm, 4);
	assert_false(insn.is_memory);
	DECODE(&insn, INSN_64, "\x0f\x21\xfe");
	assert_int_equal(insn.id, INSN_MOV_FROM_DR);
	assert_int_equal(insn.reg, 7);
	assert_int_equal(insn.rm, 6);
	DECODE(&insn, INSN_32, "\x66\x0f\x23\xc3");
	assert_int_equal(insn.id, INSN_MOV_TO_DR);
	assert_int_equal(insn.operand_bytes, 4);
	DECODE(&insn, INSN_64, "\x41\x0f\x01\xf2");
	assert_int_equal(insn.id, INSN_LMSW);
	assert_int_equal(insn.rm, 10);
}

static void operand_sizes(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x89\x08");
	assert_int_equal(insn.operand_bytes, 4);
	DECODE(&insn, INSN_64, "\x66\x89\x08");
	assert_int_equal(insn.operand_bytes, 2);
	DECODE(&insn, INSN_64, "\x66\x48\x89\x08");
	assert_int_equal(insn.operand_bytes, 8);
	DECODE(&insn, INSN_16, "\x66\x89\x08");
	assert_int_equal(insn.operand_bytes, 4);
	DECODE(&insn, INSN_64, "\x88\x08");
	assert_int_equal(insn.operand_bytes, 1);
	DECODE(&insn, INSN_64, "\x9c");
	assert_int_equal(insn.operand_bytes, 8);
	DECODE(&insn, INSN_64, "\x66\x9c");
	assert_int_equal(insn.operand_bytes, 2);
	DECODE(&insn, INSN_32, "\x9d");
	assert_int_equal(insn.operand_bytes, 4);
	DECODE(&insn, INSN_64, "\xcf");
	assert_int_equal(insn.operand_bytes, 4);
	DECODE(&insn, INSN_64, "\x0f\xb6\x00");
	assert_int_equal(insn.id, INSN_MOVZX);
	assert_int_equal(insn.operand_bytes, 4);
	assert_int_equal(insn.source_bytes, 1);
	DECODE(&insn, INSN_64, "\x48\x0f\xbf\x00");
	assert_int_equal(insn.id, INSN_MOVSX);
	assert_int_equal(insn.operand_bytes, 8);
	assert_int_equal(insn.source_bytes, 2);
}

static void immediates_and_high_bytes(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x48\xc7\x00\xfe\xff\xff\xff");
	assert_int_equal(insn.id, INSN_MOV_IMMEDIATE);
	assert_int_equal(insn.immediate, -2);
	DECODE(&insn, INSN_64, "\x66\xc7\x40\x08\x34\x12");
	assert_int_equal(insn.immediate, 0x1234);
	assert_int_equal(insn.displacement, 8);
	DECODE(&insn, INSN_64, "\xc6\x00\x80");
	assert_int_equal(insn.immediate, -128);
	DECODE(&insn, INSN_64, "\xcd\x80");
	assert_int_equal(insn.immediate, 0x80);
	DECODE(&insn, INSN_64, "\x88\x20");
	assert_true(insn.high_byte_reg); /* AH */
	DECODE(&insn, INSN_64, "\x40\x88\x20");
	assert_false(insn.high_byte_reg); /* SPL */
	DECODE(&insn, INSN_64, "\x89\x20");
	assert_false(insn.high_byte_reg);
}

static void expect_address(const struct insn *insn, unsigned base, unsigned index, unsigned scale,
			   int32_t displacement)
{
	assert_true(insn->is_memory);
	assert_int_equal(insn->rm, NONE);
	assert_int_equal(insn->base, base);
	assert_int_equal(insn->index, index);
	if (index != NONE)
		assert_int_equal(insn->scale, scale);
	assert_int_equal(insn->displacement, displacement);
}

static void addresses_64(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_64, "\x8b\x00");
	expect_address(&insn, 0, NONE, 1, 0);
	DECODE(&insn, INSN_64, "\x41\x8b\x43\xf0");
	expect_address(&insn, 11, NONE, 1, -16);
	DECODE(&insn, INSN_64, "\x8b\x05\x00\x01\x00\x00");
	expect_address(&insn, NONE, NONE, 1, 256);
	assert_true(insn.rip_relative);
	DECODE(&insn, INSN_64, "\x41\x8b\x05\x00\x01\x00\x00"); /* REX.B does not change that */
	assert_true(insn.rip_relative);
	DECODE(&insn, INSN_64, "\x8b\x04\x24");
	expect_address(&insn, 4, NONE, 1, 0);
	DECODE(&insn, INSN_64, "\x8b\x04\x8b");
	expect_address(&insn, 3, 1, 4, 0);
	DECODE(&insn, INSN_64, "\x42\x8b\x04\xe3");
	expect_address(&insn, 3, 12, 8, 0);
	DECODE(&insn, INSN_64, "\x8b\x04\x25\x00\x00\xe0\xfe");
	expect_address(&insn, NONE, NONE, 1, (int32_t)0xfee00000);
	assert_false(insn.rip_relative);
	DECODE(&insn, INSN_64, "\x43\x8b\x04\x25\x01\x00\x00\x00"); /* R12 may be an index */
	expect_address(&insn, NONE, 12, 1, 1);
	DECODE(&insn, INSN_64, "\x41\x8b\x44\x25\x10");
	expect_address(&insn, 13, NONE, 1, 16);
	DECODE(&insn, INSN_64, "\x67\x8b\x80\x78\x56\x34\x12");
	expect_address(&insn, 0, NONE, 1, 0x12345678);
	assert_int_equal(insn.address_bytes, 4);
}

static void addresses_16_and_32(void **unused)
{
	struct insn insn;
	(void)unused;

	DECODE(&insn, INSN_32, "\x8b\x05\x00\x00\xe0\xfe");
	expect_address(&insn, NONE, NONE, 1, (int32_t)0xfee00000);
	assert_false(insn.rip_relative);
	DECODE(&insn, INSN_16, "\x8b\x00");
	expect_address(&insn, 3, 6, 1, 0);
	DECODE(&insn, INSN_16, "\x8b\x06\x34\x12");
	expect_address(&insn, NONE, NONE, 1, 0x1234);
	DECODE(&insn, INSN_16, "\x8b\x46\xfe");
	expect_address(&insn, 5, NONE, 1, -2);
	DECODE(&insn, INSN_16, "\x8b\x8f\x34\x12");
	expect_address(&insn, 3, NONE, 1, 0x1234);
	DECODE(&insn, INSN_32, "\x67\x8b\x42\x01");
	expect_address(&insn, 5, 6, 1, 1);
	DECODE(&insn, INSN_16, "\x67\x8b\x04\x24");
	expect_address(&insn, 4, NONE, 1, 0);
	assert_int_equal(insn.address_bytes, 4);
}

/*
 * Random instructions against Capstone: whatever both decode must have the same length. The opcodes
 * leave VMREAD and VMWRITE out, which Capstone 4 takes for SSE4A.
 */
static void lengths_agree_with_capstone(void **unused)
{
	static const uint8_t one_byte[] = {0x88, 0x89, 0x8a, 0x8b, 0xa4, 0xa5, 0xaa, 0xab,
					   0xc6, 0xc7, 0xcc, 0xcd, 0xcf, 0xf4, 0x9c, 0x9d};
	static const uint8_t two_byte[] = {0x00, 0x01, 0x06, 0x08, 0x09, 0x0b, 0x20, 0x22, 0x30,
					   0x31, 0x32, 0x33, 0xa2, 0xb6, 0xb7, 0xbe, 0xbf, 0xc7};
	static const uint8_t prefixes[] = {0x66, 0x67, 0x64, 0x65, 0x48, 0x41, 0x4f};
	static const struct {
		enum insn_mode mode;
		cs_mode capstone;
	} modes[] = {{INSN_16, CS_MODE_16}, {INSN_32, CS_MODE_32}, {INSN_64, CS_MODE_64}};
	uint64_t seed = 1234567;
	unsigned compared = 0;
	(void)unused;

	for (unsigned m = 0; m < 3; m++) {
		csh capstone;

		assert_int_equal(cs_open(CS_ARCH_X86, modes[m].capstone, &capstone), CS_ERR_OK);
		for (unsigned i = 0; i < 60000; i++) {
			uint8_t bytes[INSN_MAX_BYTES + 1];
			unsigned at = 0;
			struct insn insn;
			cs_insn *theirs;

			for (unsigned j = 0; j < sizeof(bytes); j++)
				bytes[j] = random_next(&seed) >> 32;
			while (at < 3 && random_below(&seed, 2))
				bytes[at++] = prefixes[random_below(&seed, m == 2 ? 7 : 4)];
			if (random_below(&seed, 3) == 0) {
				bytes[at] = one_byte[random_below(&seed, sizeof(one_byte))];
			} else {
				bytes[at] = 0x0f;
				bytes[at + 1] = two_byte[random_below(&seed, sizeof(two_byte))];
			}
			if (decode(bytes, INSN_MAX_BYTES, modes[m].mode, &insn))
				continue;
			if (!cs_disasm(capstone, bytes, INSN_MAX_BYTES, 0x1000, 1, &theirs))
				continue;
			if (theirs->size != insn.length) {
				print_error("mode %d, %s %s: theirs %u, ours %u, bytes",
					    modes[m].mode, theirs->mnemonic, theirs->op_str,
					    theirs->size, insn.length);
				for (unsigned j = 0; j < INSN_MAX_BYTES; j++)
					print_error(" %02x", bytes[j]);
				print_error("\n");
			}
			assert_int_equal(theirs->size, insn.length);
			compared++;
			cs_free(theirs, 1);
		}
		cs_close(&capstone);
	}
	assert_true(compared > 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_instructions),
		cmocka_unit_test(others_are_refused),
		cmocka_unit_test(prefixes_count_for_the_length),
		cmocka_unit_test(rex_counts_right_before_the_opcode_only),
		cmocka_unit_test(fifteen_bytes_at_most),
		cmocka_unit_test(control_and_debug_registers),
		cmocka_unit_test(operand_sizes),
		cmocka_unit_test(immediates_and_high_bytes),
		cmocka_unit_test(addresses_64),
		cmocka_unit_test(addresses_16_and_32),
		cmocka_unit_test(lengths_agree_with_capstone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
