// SPDX-License-Identifier: MIT
/* Machine code as instructions, by Capstone. */
#include "disas/disas.h"

#include <capstone/capstone.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hadal_disassembler {
	csh handle;
	cs_insn *instruction;
};

struct hadal_disassembler *hadal_disassembler_new(enum hadal_syntax syntax,
						  struct hadal_error *error)
{
	struct hadal_disassembler *disassembler = calloc(1, sizeof(*disassembler));
	cs_err code = CS_ERR_MEM;

	if (disassembler)
		code = cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler->handle);
	if (!code)
		code = cs_option(disassembler->handle, CS_OPT_DETAIL, CS_OPT_ON);
	if (!code)
		code = cs_option(disassembler->handle, CS_OPT_SYNTAX,
				 syntax == HADAL_SYNTAX_ATT ? CS_OPT_SYNTAX_ATT
							    : CS_OPT_SYNTAX_INTEL);
	if (!code)
		disassembler->instruction = cs_malloc(disassembler->handle);
	if (!code && disassembler->instruction)
		return disassembler;
	hadal_fail(error, ENOMEM, "Cannot disassemble: %s", cs_strerror(code ? code : CS_ERR_MEM));
	hadal_disassembler_free(disassembler);
	return NULL;
}

void hadal_disassembler_free(struct hadal_disassembler *disassembler)
{
	if (!disassembler)
		return;
	if (disassembler->instruction)
		cs_free(disassembler->instruction, 1);
	if (disassembler->handle)
		cs_close(&disassembler->handle);
	free(disassembler);
}

static void find_target(csh handle, const cs_insn *from, struct hadal_instruction *to)
{
	const cs_x86 *detail = &from->detail->x86;

	to->branches = cs_insn_group(handle, from, CS_GRP_CALL) ||
		       cs_insn_group(handle, from, CS_GRP_JUMP);
	for (uint8_t i = 0; i < detail->op_count && !to->has_target; i++) {
		const cs_x86_op *operand = &detail->operands[i];

		if (operand->type == X86_OP_IMM && to->branches) {
			to->has_target = true;
			to->target = operand->imm;
		} else if (operand->type == X86_OP_MEM && operand->mem.base == X86_REG_RIP) {
			to->has_target = true;
			to->branches = false;
			to->target = from->address + from->size + operand->mem.disp;
		}
	}
	to->branches &= to->has_target;
}

/* A byte that begins no instruction stands for itself. */
static void take_bad(uint64_t address, uint8_t byte, struct hadal_instruction *instruction)
{
	*instruction = (struct hadal_instruction){
		.address = address,
		.len = 1,
		.bytes = {byte},
		.mnemonic = "(bad)",
	};
}

bool hadal_disassemble(struct hadal_disassembler *disassembler, uint64_t address,
		       const uint8_t *bytes, size_t len, struct hadal_instruction *instruction)
{
	const uint8_t *code = bytes;
	cs_insn *found = disassembler->instruction;
	uint64_t at = address;
	size_t left = len;

	if (!len)
		return false;
	if (!cs_disasm_iter(disassembler->handle, &code, &left, &at, found)) {
		if (len < HADAL_INSTRUCTION_MAX)
			return false;
		take_bad(address, *bytes, instruction);
		return true;
	}
	*instruction = (struct hadal_instruction){
		.address = address,
		.len = found->size,
		.padding = found->id == X86_INS_INT3 || found->id == X86_INS_NOP,
	};
	memcpy(instruction->bytes, found->bytes, found->size);
	snprintf(instruction->mnemonic, sizeof(instruction->mnemonic), "%s", found->mnemonic);
	snprintf(instruction->operands, sizeof(instruction->operands), "%s", found->op_str);
	find_target(disassembler->handle, found, instruction);
	return true;
}
