// SPDX-License-Identifier: MIT
/* Encodings: SDM volume 2 and APM volume 3, opcode maps. */
#include "base/insn.h"
#include "base/errno.h"

#define REX_B 1u
#define REX_X 2u
#define REX_R 4u
#define REX_W 8u

/* What follows the opcode. */
enum operands {
	OPERANDS_NONE,
	OPERANDS_MODRM,
	OPERANDS_REGISTERS, /* ModRM whose mod field does not count: CR and DR moves */
	OPERANDS_IMM8,
	OPERANDS_MODRM_IMM8,
	OPERANDS_MODRM_IMM, /* 2 or 4 bytes, by operand size */
};

/* Size of the operand. */
enum width {
	WIDTH_NORMAL, /* 2, 4 or 8 by mode, prefix and REX.W */
	WIDTH_BYTE,
	WIDTH_NATIVE, /* 4, in 64-bit mode 8, prefixes do not count */
	WIDTH_STACK,  /* as normal, but 8 by default in 64-bit mode */
};

struct opcode {
	uint8_t byte;
	uint8_t id;
	uint8_t operands;
	uint8_t width;
};

static const struct opcode one_byte[] = {
	{0x88, INSN_MOV_STORE, OPERANDS_MODRM, WIDTH_BYTE},
	{0x89, INSN_MOV_STORE, OPERANDS_MODRM, WIDTH_NORMAL},
	{0x8a, INSN_MOV_LOAD, OPERANDS_MODRM, WIDTH_BYTE},
	{0x8b, INSN_MOV_LOAD, OPERANDS_MODRM, WIDTH_NORMAL},
	{0x90, INSN_PAUSE, OPERANDS_NONE, WIDTH_NORMAL},
	{0x9c, INSN_PUSHF, OPERANDS_NONE, WIDTH_STACK},
	{0x9d, INSN_POPF, OPERANDS_NONE, WIDTH_STACK},
	{0xa4, INSN_MOVS, OPERANDS_NONE, WIDTH_BYTE},
	{0xa5, INSN_MOVS, OPERANDS_NONE, WIDTH_NORMAL},
	{0xaa, INSN_STOS, OPERANDS_NONE, WIDTH_BYTE},
	{0xab, INSN_STOS, OPERANDS_NONE, WIDTH_NORMAL},
	{0xc6, INSN_MOV_IMMEDIATE, OPERANDS_MODRM_IMM8, WIDTH_BYTE},
	{0xc7, INSN_MOV_IMMEDIATE, OPERANDS_MODRM_IMM, WIDTH_NORMAL},
	{0xcc, INSN_INT3, OPERANDS_NONE, WIDTH_NORMAL},
	{0xcd, INSN_INT, OPERANDS_IMM8, WIDTH_NORMAL},
	{0xce, INSN_INTO, OPERANDS_NONE, WIDTH_NORMAL},
	{0xcf, INSN_IRET, OPERANDS_NONE, WIDTH_NORMAL},
	{0xf1, INSN_INT1, OPERANDS_NONE, WIDTH_NORMAL},
	{0xf4, INSN_HLT, OPERANDS_NONE, WIDTH_NORMAL},
};

/* Groups have INSN_NONE here and are told apart by their ModRM byte. */
static const struct opcode two_byte[] = {
	{0x00, INSN_NONE, OPERANDS_MODRM, WIDTH_NORMAL},
	{0x01, INSN_NONE, OPERANDS_MODRM, WIDTH_NORMAL},
	{0x06, INSN_CLTS, OPERANDS_NONE, WIDTH_NORMAL},
	{0x08, INSN_INVD, OPERANDS_NONE, WIDTH_NORMAL},
	{0x09, INSN_WBINVD, OPERANDS_NONE, WIDTH_NORMAL},
	{0x0b, INSN_UD2, OPERANDS_NONE, WIDTH_NORMAL},
	{0x20, INSN_MOV_FROM_CR, OPERANDS_REGISTERS, WIDTH_NATIVE},
	{0x21, INSN_MOV_FROM_DR, OPERANDS_REGISTERS, WIDTH_NATIVE},
	{0x22, INSN_MOV_TO_CR, OPERANDS_REGISTERS, WIDTH_NATIVE},
	{0x23, INSN_MOV_TO_DR, OPERANDS_REGISTERS, WIDTH_NATIVE},
	{0x30, INSN_WRMSR, OPERANDS_NONE, WIDTH_NORMAL},
	{0x31, INSN_RDTSC, OPERANDS_NONE, WIDTH_NORMAL},
	{0x32, INSN_RDMSR, OPERANDS_NONE, WIDTH_NORMAL},
	{0x33, INSN_RDPMC, OPERANDS_NONE, WIDTH_NORMAL},
	{0x78, INSN_VMREAD, OPERANDS_MODRM, WIDTH_NATIVE},
	{0x79, INSN_VMWRITE, OPERANDS_MODRM, WIDTH_NATIVE},
	{0xa2, INSN_CPUID, OPERANDS_NONE, WIDTH_NORMAL},
	{0xb6, INSN_MOVZX, OPERANDS_MODRM, WIDTH_NORMAL},
	{0xb7, INSN_MOVZX, OPERANDS_MODRM, WIDTH_NORMAL},
	{0xbe, INSN_MOVSX, OPERANDS_MODRM, WIDTH_NORMAL},
	{0xbf, INSN_MOVSX, OPERANDS_MODRM, WIDTH_NORMAL},
	{0xc7, INSN_NONE, OPERANDS_MODRM, WIDTH_NORMAL},
};

/* 0f 38, all with a 66 prefix. */
static const struct opcode three_byte[] = {
	{0x80, INSN_INVEPT, OPERANDS_MODRM, WIDTH_NATIVE},
	{0x81, INSN_INVVPID, OPERANDS_MODRM, WIDTH_NATIVE},
	{0x82, INSN_INVPCID, OPERANDS_MODRM, WIDTH_NATIVE},
};

/* 0f 00 by reg. */
static const uint8_t group_00[8] = {INSN_SLDT, INSN_STR, INSN_LLDT, INSN_LTR};

/* 0f 01 by reg, with a memory operand. */
static const uint8_t group_01_memory[8] = {
	INSN_SGDT, INSN_SIDT, INSN_LGDT, INSN_LIDT, INSN_SMSW, INSN_NONE, INSN_LMSW, INSN_INVLPG,
};

/* 0f 01 by the low six bits of ModRM, without one. */
static const uint8_t group_01_register[64] = {
	[0x01] = INSN_VMCALL,        [0x02] = INSN_VMLAUNCH, [0x03] = INSN_VMRESUME,
	[0x04] = INSN_VMXOFF,        [0x08] = INSN_MONITOR,  [0x09] = INSN_MWAIT,
	[0x10] = INSN_XGETBV,        [0x11] = INSN_XSETBV,   [0x14] = INSN_VMFUNC,
	[0x18] = INSN_VMRUN,         [0x19] = INSN_VMMCALL,  [0x1a] = INSN_VMLOAD,
	[0x1b] = INSN_VMSAVE,        [0x1c] = INSN_STGI,     [0x1d] = INSN_CLGI,
	[0x1e] = INSN_SKINIT,        [0x1f] = INSN_INVLPGA,  [0x20 ... 0x27] = INSN_SMSW,
	[0x30 ... 0x37] = INSN_LMSW, [0x38] = INSN_SWAPGS,   [0x39] = INSN_RDTSCP,
	[0x3a] = INSN_MONITORX,      [0x3b] = INSN_MWAITX,
};

/* The bytes of one instruction; a failed read of any is kept and told at the end. */
struct input {
	const uint8_t *bytes;
	size_t avail;
	size_t used;
	int err;
};

static uint8_t next_byte(struct input *input)
{
	if (input->used >= INSN_MAX_BYTES)
		input->err = -EINVAL;
	else if (input->used >= input->avail)
		input->err = -ENODATA;
	if (input->err)
		return 0;
	return input->bytes[input->used++];
}

static int64_t next_signed(struct input *input, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)next_byte(input) << 8 * i;
	return (int64_t)(value << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

/* Reads the prefixes and returns the byte behind them. */
static uint8_t read_prefixes(struct input *input, enum insn_mode mode, struct insn *insn)
{
	for (;;) {
		uint8_t byte = next_byte(input);

		if (input->err)
			return 0;
		if (mode == INSN_64 && (byte & 0xf0) == 0x40) {
			insn->rex = byte;
			continue;
		}
		switch (byte) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			/* These four do nothing in 64-bit mode, not even end the effect of FS and
			 * GS. */
			if (mode != INSN_64)
				insn->segment = byte;
			break;
		case 0x64:
		case 0x65:
			insn->segment = byte;
			break;
		case 0x66:
			insn->operand_prefix = true;
			break;
		case 0x67:
			insn->address_prefix = true;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2:
		case 0xf3:
			insn->repeat = byte;
			break;
		default:
			return byte;
		}
		insn->rex = 0; /* counts only right before the opcode */
	}
}

static const struct opcode *find_opcode(const struct opcode *map, size_t count, uint8_t byte)
{
	for (size_t i = 0; i < count; i++) {
		if (map[i].byte == byte)
			return &map[i];
	}
	return NULL;
}

#define FIND(map, byte) find_opcode(map, sizeof(map) / sizeof((map)[0]), byte)

static const struct opcode *read_opcode(struct input *input, enum insn_mode mode, struct insn *insn)
{
	const struct opcode *opcode;

	insn->opcode = read_prefixes(input, mode, insn);
	if (insn->opcode != 0x0f) {
		opcode = FIND(one_byte, insn->opcode);
	} else {
		insn->opcode = next_byte(input);
		if (insn->opcode != 0x38) {
			opcode = FIND(two_byte, insn->opcode);
		} else {
			insn->opcode = next_byte(input);
			opcode = insn->operand_prefix ? FIND(three_byte, insn->opcode) : NULL;
		}
	}
	if (!opcode && !input->err)
		input->err = -EINVAL;
	return input->err ? NULL : opcode;
}

static uint8_t operand_bytes(const struct insn *insn, enum insn_mode mode, uint8_t width)
{
	if (width == WIDTH_BYTE)
		return 1;
	if (width == WIDTH_NATIVE)
		return mode == INSN_64 ? 8 : 4;
	if (insn->rex & REX_W)
		return 8;
	if (insn->operand_prefix)
		return mode == INSN_16 ? 4 : 2;
	if (width == WIDTH_STACK && mode == INSN_64)
		return 8;
	return mode == INSN_16 ? 2 : 4;
}

static uint8_t address_bytes(const struct insn *insn, enum insn_mode mode)
{
	switch (mode) {
	case INSN_64:
		return insn->address_prefix ? 4 : 8;
	case INSN_32:
		return insn->address_prefix ? 2 : 4;
	default:
		return insn->address_prefix ? 4 : 2;
	}
}

static void read_address_16(struct input *input, struct insn *insn)
{
	enum { BX = 3, BP = 5, SI = 6, DI = 7, NO = INSN_NO_REGISTER };
	static const uint8_t base[8] = {BX, BX, BP, BP, SI, DI, BP, BX};
	static const uint8_t index[8] = {SI, DI, SI, DI, NO, NO, NO, NO};
	unsigned mod = insn->modrm >> 6;
	unsigned rm = insn->modrm & 7;

	insn->base = base[rm];
	insn->index = index[rm];
	if (mod == 0 && rm == 6) {
		insn->base = NO;
		mod = 2;
	}
	if (mod)
		insn->displacement = next_signed(input, mod);
}

static void read_address(struct input *input, enum insn_mode mode, struct insn *insn)
{
	unsigned mod = insn->modrm >> 6;
	unsigned rm = insn->modrm & 7;

	insn->base = rm;
	if (rm == 4) {
		uint8_t sib = next_byte(input);
		unsigned index = (sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);

		insn->base = sib & 7;
		insn->scale = 1 << (sib >> 6);
		insn->index = index == 4 ? INSN_NO_REGISTER : index;
	}
	if (mod == 0 && insn->base == 5) {
		insn->base = INSN_NO_REGISTER;
		insn->rip_relative = mode == INSN_64 && rm == 5;
		mod = 2;
	} else if (insn->rex & REX_B) {
		insn->base |= 8;
	}
	if (mod)
		insn->displacement = next_signed(input, mod == 1 ? 1 : 4);
}

static void read_modrm(struct input *input, enum insn_mode mode, bool registers_only,
		       struct insn *insn)
{
	insn->modrm = next_byte(input);
	insn->has_modrm = true;
	insn->reg = (insn->modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
	if (registers_only || insn->modrm >= 0xc0) {
		insn->rm = (insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0);
		return;
	}
	insn->is_memory = true;
	if (insn->address_bytes == 2)
		read_address_16(input, insn);
	else
		read_address(input, mode, insn);
}

/* 0f c7: the VMX pointer instructions with memory, random numbers and RDPID without. */
static uint8_t group_c7(const struct insn *insn)
{
	unsigned reg = insn->modrm >> 3 & 7;

	if (!insn->is_memory) {
		if (reg == 7)
			return insn->repeat == 0xf3 ? INSN_RDPID : INSN_RDSEED;
		return reg == 6 && !insn->repeat ? INSN_RDRAND : INSN_NONE;
	}
	if (reg == 7)
		return INSN_VMPTRST;
	if (reg != 6)
		return INSN_NONE;
	if (insn->repeat == 0xf3)
		return INSN_VMXON;
	return insn->operand_prefix ? INSN_VMCLEAR : INSN_VMPTRLD;
}

static uint8_t group_id(const struct insn *insn)
{
	unsigned reg = insn->modrm >> 3 & 7;

	switch (insn->opcode) {
	case 0x00:
		return group_00[reg];
	case 0x01:
		return insn->is_memory ? group_01_memory[reg] : group_01_register[insn->modrm & 63];
	default:
		return group_c7(insn);
	}
}

/* Opcodes that mean something else with some prefix or ModRM. */
static bool is_other_insn(const struct insn *insn, enum insn_mode mode)
{
	switch (insn->id) {
	case INSN_NONE:
		return true;
	case INSN_PAUSE:
		return insn->repeat != 0xf3; /* NOP or XCHG */
	case INSN_MOV_IMMEDIATE:
		return insn->modrm & 0x38;
	case INSN_INTO:
		return mode == INSN_64;
	case INSN_VMREAD:
	case INSN_VMWRITE:
		return insn->repeat || insn->operand_prefix; /* SSE4A */
	default:
		return false;
	}
}

int insn_decode(const uint8_t *bytes, size_t avail, enum insn_mode mode, struct insn *insn)
{
	struct input input = {.bytes = bytes, .avail = avail};
	const struct opcode *opcode;

	*insn = (struct insn){
		.rm = INSN_NO_REGISTER,
		.base = INSN_NO_REGISTER,
		.index = INSN_NO_REGISTER,
		.scale = 1,
	};
	opcode = read_opcode(&input, mode, insn);
	if (!opcode)
		return input.err;
	insn->id = opcode->id;
	insn->operand_bytes = operand_bytes(insn, mode, opcode->width);
	insn->source_bytes = insn->operand_bytes;
	insn->address_bytes = address_bytes(insn, mode);
	if (insn->id == INSN_MOVZX || insn->id == INSN_MOVSX)
		insn->source_bytes = insn->opcode & 1 ? 2 : 1;

	if (opcode->operands != OPERANDS_NONE && opcode->operands != OPERANDS_IMM8)
		read_modrm(&input, mode, opcode->operands == OPERANDS_REGISTERS, insn);
	if (opcode->operands == OPERANDS_IMM8 || opcode->operands == OPERANDS_MODRM_IMM8)
		insn->immediate = next_signed(&input, 1);
	else if (opcode->operands == OPERANDS_MODRM_IMM)
		insn->immediate = next_signed(&input, insn->operand_bytes == 2 ? 2 : 4);
	if (insn->id == INSN_INT)
		insn->immediate &= 0xff;
	if (input.err)
		return input.err;

	if (insn->id == INSN_NONE)
		insn->id = group_id(insn);
	if (is_other_insn(insn, mode))
		return -EINVAL;
	insn->high_byte_reg = opcode->width == WIDTH_BYTE && !insn->rex && insn->reg >= 4;
	insn->length = input.used;
	return 0;
}
