// SPDX-License-Identifier: MIT
/* Instructions that functions begin with, done without a step: NOPs, ENDBR, PUSH, MOV. */
#include "base/insn.h"
#include "base/string.h"
#include "events/hidden.h"
#include "paging/memory.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define REX_W        8u
#define REX_R        4u
#define REX_B        1u
#define CR4_PKE      BIT(22)
#define CR4_PKS      BIT(24)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY    BIT(6)

/* Bytes of a ModRM operand with all that belongs to it; 0: not to be read any more. */
static uint32_t operand_length(const uint8_t *modrm, size_t count)
{
	unsigned mod, rm;
	uint32_t length = 1;

	if (count < 2)
		return 0;
	mod = modrm[0] >> 6;
	rm = modrm[0] & 7;
	if (mod == 3)
		return length;
	if (rm == 4) {
		length++;
		if (!mod && (modrm[1] & 7) == 5)
			length += 4;
	} else if (!mod && rm == 5) {
		length += 4;
	}
	length += mod == 1 ? 1 : mod == 2 ? 4 : 0;
	return length <= count ? length : 0;
}

/* A store changes nothing of these entries. */
static bool is_used(const struct guest_walk *walk)
{
	uint64_t all = walk->step[walk->step_count - 1].value & PTE_DIRTY ? PTE_ACCESSED : 0;

	for (unsigned i = 0; i < walk->step_count; i++)
		all &= walk->step[i].value;
	return all;
}

/* Where a store of 8 bytes goes when nobody watches it and the guest's tables stay as they are. */
static uint64_t *store_to(struct vcpu *vcpu, uint64_t linear)
{
	bool is_user = vcpu_get(vcpu, REG_CPL) == 3;
	struct guest_paging paging;
	struct guest_walk walk;

	vcpu_paging(vcpu, &paging);
	if ((linear & 7) || (paging.cr4 & (is_user ? CR4_PKE : CR4_PKS)) ||
	    guest_walk(&paging, linear, WALK_WRITE | (is_user ? WALK_USER : 0), memory_walk_table,
		       NULL, &walk))
		return NULL;
	if (!is_used(&walk) || !!(walk.rights & WALK_USER) != is_user ||
	    view_denied(&machine.watched, walk.gpa) || view_has_copy(&machine.watched, walk.gpa))
		return NULL;
	return memory_guest(walk.gpa, MEMORY_WRITE);
}

static bool push(struct vcpu *vcpu, unsigned gpr)
{
	uint64_t rsp = vcpu_get(vcpu, REG_RSP);
	uint64_t *to = store_to(vcpu, rsp - 8);

	if (!to)
		return false;
	entry_write(to, gpr == 4 ? rsp : *vcpu_gpr(vcpu, gpr));
	vcpu_set(vcpu, REG_RSP, rsp - 8);
	return true;
}

static bool move(struct vcpu *vcpu, uint8_t rex, unsigned from, unsigned to)
{
	uint64_t value = from == 4 ? vcpu_get(vcpu, REG_RSP) : *vcpu_gpr(vcpu, from);

	if (!(rex & REX_W))
		value = (uint32_t)value;
	if (to == 4)
		vcpu_set(vcpu, REG_RSP, value);
	else
		*vcpu_gpr(vcpu, to) = value;
	return true;
}

static uint32_t two_bytes(struct vcpu *vcpu, const uint8_t *code, size_t count, uint8_t repeat)
{
	uint32_t length;

	if (count < 2)
		return 0;
	if (code[0] == 0x1f && !repeat) { /* NOP with an operand */
		length = operand_length(code + 1, count - 1);
		return length ? 1 + length : 0;
	}
	/* With CET the processor itself keeps track of branches. */
	if (code[0] == 0x1e && code[1] == 0xfa && repeat == 0xf3 &&
	    !(vcpu_get(vcpu, REG_CR4) & CR4_CET))
		return 2;
	return 0;
}

/* Behind its prefixes. */
static uint32_t opcode(struct vcpu *vcpu, const uint8_t *code, size_t count, uint8_t rex)
{
	unsigned reg, rm, b = rex & REX_B ? 8 : 0;

	if ((code[0] & 0xf8) == 0x50)
		return push(vcpu, (code[0] & 7) | b);
	if (code[0] != 0x89 && code[0] != 0x8b)
		return 0;
	if (count < 2 || code[1] < 0xc0)
		return 0;
	reg = (code[1] >> 3 & 7) | (rex & REX_R ? 8 : 0);
	rm = (code[1] & 7) | b;
	return (code[0] == 0x89 ? move(vcpu, rex, reg, rm) : move(vcpu, rex, rm, reg)) ? 2 : 0;
}

static uint32_t execute(struct vcpu *vcpu, const uint8_t *code, size_t count)
{
	uint8_t repeat = 0, rex = 0;
	bool is_short = false;
	uint32_t at = 0, length = 0;

	while (at < count && (code[at] == 0x66 || code[at] == 0x2e || code[at] == 0xf3)) {
		is_short |= code[at] == 0x66;
		if (code[at++] == 0xf3)
			repeat = 0xf3;
	}
	if (at < count && (code[at] & 0xf0) == 0x40)
		rex = code[at++];
	if (at == count)
		return 0;
	if (code[at] == 0x90 && !repeat && !rex)
		return at + 1;
	if (code[at] == 0x0f)
		length = two_bytes(vcpu, code + at + 1, count - at - 1, repeat);
	else if (!is_short && !repeat)
		length = opcode(vcpu, code + at, count - at, rex);
	else
		return 0;
	if (!length)
		return 0;
	return at + length + (code[at] == 0x0f);
}

uint32_t plain_instruction(struct vcpu *vcpu, const uint8_t *code, size_t count)
{
	uint32_t length;

	if (!vcpu_long_mode(vcpu))
		return 0;
	length = execute(vcpu, code, count);
	if (length && (vcpu->rflags & RFLAGS_RF)) {
		vcpu->rflags &= ~(uint64_t)RFLAGS_RF;
		vcpu_set(vcpu, REG_RFLAGS, vcpu->rflags);
	}
	return length;
}
