// SPDX-License-Identifier: MIT
/* Writes to hidden memory, left out as if they had been done. */
#include "exit/hidden_write.h"
#include "base/insn.h"
#include "x86/cpu.h"

#define RFLAGS_DF (1ull << 10)

/* How many elements from RDI on touch its page; one that begins before the page counts alone. */
static uint64_t elements_in_page(uint64_t rdi, unsigned size, bool down)
{
	uint64_t offset = rdi & (PAGE_BYTES - 1);

	if (offset + size > PAGE_BYTES)
		return 1;
	return down ? offset / size + 1 : (PAGE_BYTES - offset) / size;
}

static enum verdict skip_string(struct vcpu *vcpu, const struct insn *insn)
{
	struct gprs *regs = &vcpu->regs;
	bool down = vcpu->rflags & RFLAGS_DF;
	uint64_t count = elements_in_page(regs->rdi, insn->operand_bytes, down);
	uint64_t distance;

	if (!insn->repeat)
		count = 1;
	else if (count > regs->rcx)
		count = regs->rcx;
	distance = (down ? 0 - count : count) * insn->operand_bytes;
	regs->rdi += distance;
	if (insn->id == INSN_MOVS)
		regs->rsi += distance;
	if (!insn->repeat)
		return VERDICT_DONE;
	regs->rcx -= count;
	return regs->rcx ? VERDICT_RETRY : VERDICT_DONE;
}

enum verdict hidden_write_skip(struct vcpu *vcpu)
{
	struct insn insn;

	if (vcpu_decode(vcpu, &insn))
		goto refuse;
	vcpu->exit.length = insn.length;
	if (insn.id != INSN_MOVS && insn.id != INSN_STOS)
		return VERDICT_DONE;
	if (insn.address_bytes == 8)
		return skip_string(vcpu, &insn);
refuse:
	vcpu_inject_gp(vcpu);
	return VERDICT_RETRY;
}
