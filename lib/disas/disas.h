/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_DISAS_DISAS_H
#define HADAL_LIB_DISAS_DISAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the longest instruction, SDM volume 2 chapter 2.3.11. */
#define HADAL_INSTRUCTION_MAX 15

enum hadal_syntax {
	HADAL_SYNTAX_ATT,
	HADAL_SYNTAX_INTEL,
};

struct hadal_instruction {
	uint64_t address;
	size_t len; /* 1 for a byte that begins no instruction */
	uint8_t bytes[HADAL_INSTRUCTION_MAX];
	char mnemonic[32]; /* "(bad)" for such a byte */
	char operands[160];
	bool has_target; /* it jumps to or calls target, or its operand is memory there */
	bool branches;
	uint64_t target;
	bool padding; /* int3 or a nop: what compilers put between functions */
};

/* Tells instructions of 64-bit code. */
struct hadal_disassembler;

/* Returns NULL with a sentence in error. */
struct hadal_disassembler *hadal_disassembler_new(enum hadal_syntax syntax,
						  struct hadal_error *error);
void hadal_disassembler_free(struct hadal_disassembler *disassembler);

/*
 * The instruction that begins with the first of len bytes, which lie at address. Returns false when
 * there are none, or when all of them are only the beginning of one.
 */
bool hadal_disassemble(struct hadal_disassembler *disassembler, uint64_t address,
		       const uint8_t *bytes, size_t len, struct hadal_instruction *instruction);

#ifdef __cplusplus
}
#endif

#endif
