/* SPDX-License-Identifier: MIT */
/* Decoder for the instructions that a hypervisor intercepts, and plain moves to and from memory. */
#ifndef HADAL_BASE_INSN_H
#define HADAL_BASE_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX_BYTES 15

enum insn_mode { INSN_16 = 16, INSN_32 = 32, INSN_64 = 64 };

enum insn_id {
	INSN_NONE,
	INSN_CPUID,
	INSN_RDMSR,
	INSN_WRMSR,
	INSN_RDTSC,
	INSN_RDTSCP,
	INSN_RDPMC,
	INSN_RDPID,
	INSN_RDRAND,
	INSN_RDSEED,
	INSN_INVD,
	INSN_WBINVD, /* WBNOINVD too */
	INSN_HLT,
	INSN_PAUSE,
	INSN_MONITOR,
	INSN_MWAIT,
	INSN_MONITORX,
	INSN_MWAITX,
	INSN_CLTS,
	INSN_LMSW,
	INSN_SMSW,
	INSN_INVLPG,
	INSN_INVPCID,
	INSN_SWAPGS,
	INSN_XGETBV,
	INSN_XSETBV,
	INSN_SGDT,
	INSN_SIDT,
	INSN_LGDT,
	INSN_LIDT,
	INSN_SLDT,
	INSN_STR,
	INSN_LLDT,
	INSN_LTR,
	INSN_MOV_FROM_CR, /* rm = CR reg; with lock on AMD, CR0 means CR8 */
	INSN_MOV_TO_CR,
	INSN_MOV_FROM_DR,
	INSN_MOV_TO_DR,
	INSN_IRET,
	INSN_PUSHF,
	INSN_POPF,
	INSN_INT1,
	INSN_INT3,
	INSN_INT, /* immediate: the vector */
	INSN_INTO,
	INSN_UD2,
	INSN_MOV_STORE,     /* rm = reg; sizes in operand_bytes */
	INSN_MOV_LOAD,      /* reg = rm */
	INSN_MOV_IMMEDIATE, /* rm = immediate, sign-extended */
	INSN_MOVZX,         /* reg (operand_bytes) = rm (source_bytes) */
	INSN_MOVSX,
	INSN_MOVS, /* memory at RDI = memory at RSI, operand_bytes each */
	INSN_STOS, /* memory at RDI = RAX */
	/* SVM */
	INSN_VMMCALL,
	INSN_VMRUN,
	INSN_VMLOAD,
	INSN_VMSAVE,
	INSN_STGI,
	INSN_CLGI,
	INSN_SKINIT,
	INSN_INVLPGA,
	/* VMX */
	INSN_VMCALL,
	INSN_VMLAUNCH,
	INSN_VMRESUME,
	INSN_VMXOFF,
	INSN_VMXON,
	INSN_VMPTRLD,
	INSN_VMPTRST,
	INSN_VMCLEAR,
	INSN_VMREAD,
	INSN_VMWRITE,
	INSN_VMFUNC,
	INSN_INVEPT,
	INSN_INVVPID,
};

#define INSN_NO_REGISTER 0xff

struct insn {
	uint8_t id;      /* enum insn_id */
	uint8_t length;  /* 1 to 15 */
	uint8_t opcode;  /* its last byte before ModRM */
	uint8_t rex;     /* 0 when there is none that counts */
	uint8_t segment; /* the prefix byte (0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65), or 0 */
	bool operand_prefix, address_prefix, lock;
	uint8_t repeat;        /* 0xf2, 0xf3 or 0: the last one counts */
	uint8_t operand_bytes; /* 1, 2, 4, 8; of IRET, PUSHF, POPF: each item on the stack */
	uint8_t source_bytes;  /* MOVZX, MOVSX: 1 or 2; otherwise operand_bytes */
	uint8_t address_bytes; /* 2, 4, 8 */
	bool has_modrm;
	bool is_memory;    /* rm is memory at segment:base + index * scale + displacement */
	bool rip_relative; /* displacement counts from the next instruction */
	uint8_t modrm;
	uint8_t reg;                /* with REX.R: register, CR or DR number */
	uint8_t rm;                 /* register number with REX.B; INSN_NO_REGISTER for memory */
	uint8_t base, index, scale; /* registers or INSN_NO_REGISTER; scale 1, 2, 4, 8 */
	bool high_byte_reg;         /* reg 4 to 7 mean AH, CH, DH, BH (byte operands without REX) */
	int32_t displacement;
	int64_t immediate;
};

/*
 * Decode the instruction at bytes, of which avail may be read. The processor has accepted it:
 * whether it is allowed here is not checked. 0; -ENODATA: avail ends before the instruction does;
 * -EINVAL: too long or not one of those above.
 */
int insn_decode(const uint8_t *bytes, size_t avail, enum insn_mode mode, struct insn *insn);

#endif
