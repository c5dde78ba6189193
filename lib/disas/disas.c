// SPDX-License-Identifier: MIT
#include "disas.h"

#include <capstone/capstone.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRING(value)  #value
#define VERSIONED(api) "libcapstone.so." STRING(api)
#define LIBRARY        VERSIONED(CS_API_MAJOR)

/*
 * Capstone is opened when it is needed: linked, its 80000 relocations would cost every command
 * more than many of them take.
 */
struct capstone {
	void *library;
	typeof(cs_open) *open;
	typeof(cs_close) *close;
	typeof(cs_option) *option;
	typeof(cs_malloc) *malloc;
	typeof(cs_free) *free;
	typeof(cs_disasm_iter) *disasm_iter;
	typeof(cs_insn_group) *insn_group;
};

struct hadal_disassembler {
	struct capstone capstone;
	csh handle;
	cs_insn *instruction;
};

static bool load_function(const struct capstone *capstone, const char *name, void *function)
{
	void *address = dlsym(capstone->library, name);

	memcpy(function, &address, sizeof(address));
	return address;
}

static int load(struct capstone *capstone, struct hadal_error *error)
{
	capstone->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!capstone->library)
		return hadal_fail(error, ENOENT,
				  "Disassembling needs " LIBRARY ", of Debian's package "
				  "libcapstone" STRING(CS_API_MAJOR) ": %s",
				  dlerror());
	if (load_function(capstone, "cs_open", &capstone->open) &&
	    load_function(capstone, "cs_close", &capstone->close) &&
	    load_function(capstone, "cs_option", &capstone->option) &&
	    load_function(capstone, "cs_malloc", &capstone->malloc) &&
	    load_function(capstone, "cs_free", &capstone->free) &&
	    load_function(capstone, "cs_disasm_iter", &capstone->disasm_iter) &&
	    load_function(capstone, "cs_insn_group", &capstone->insn_group))
		return 0;
	return hadal_fail(error, ENOENT, LIBRARY " is damaged: %s", dlerror());
}

static int prepare(struct hadal_disassembler *disassembler, enum hadal_syntax syntax,
		   struct hadal_error *error)
{
	const struct capstone *capstone = &disassembler->capstone;
	int result = load(&disassembler->capstone, error);

	if (result)
		return result;
	if (!capstone->open(CS_ARCH_X86, CS_MODE_64, &disassembler->handle) &&
	    !capstone->option(disassembler->handle, CS_OPT_DETAIL, CS_OPT_ON) &&
	    !capstone->option(disassembler->handle, CS_OPT_SYNTAX,
			      syntax == HADAL_SYNTAX_ATT ? CS_OPT_SYNTAX_ATT : CS_OPT_SYNTAX_INTEL))
		disassembler->instruction = capstone->malloc(disassembler->handle);
	if (!disassembler->instruction)
		return hadal_fail(error, ENOMEM, "Out of memory");
	return 0;
}

struct hadal_disassembler *hadal_disassembler_new(enum hadal_syntax syntax,
						  struct hadal_error *error)
{
	struct hadal_disassembler *disassembler = calloc(1, sizeof(*disassembler));

	if (!disassembler)
		hadal_fail(error, ENOMEM, "Out of memory");
	else if (!prepare(disassembler, syntax, error))
		return disassembler;
	hadal_disassembler_free(disassembler);
	return NULL;
}

void hadal_disassembler_free(struct hadal_disassembler *disassembler)
{
	struct capstone *capstone;

	if (!disassembler)
		return;
	capstone = &disassembler->capstone;
	if (disassembler->instruction)
		capstone->free(disassembler->instruction, 1);
	if (disassembler->handle)
		capstone->close(&disassembler->handle);
	if (capstone->library)
		dlclose(capstone->library);
	free(disassembler);
}

static void find_target(const struct hadal_disassembler *disassembler, struct hadal_instruction *to)
{
	const cs_insn *from = disassembler->instruction;
	const cs_x86 *detail = &from->detail->x86;
	typeof(cs_insn_group) *group = disassembler->capstone.insn_group;

	to->branches = group(disassembler->handle, from, CS_GRP_CALL) ||
		       group(disassembler->handle, from, CS_GRP_JUMP);
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
	if (!disassembler->capstone.disasm_iter(disassembler->handle, &code, &left, &at, found)) {
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
	find_target(disassembler, instruction);
	return true;
}
