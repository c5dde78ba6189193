// SPDX-License-Identifier: MIT
/* Instructions that exited, read from the guest's memory where the processor does not tell them. */
#include "base/log.h"
#include "vcpu/register_set.h"
#include "svm/svm.h"

/* How often the guest is sent back to an instruction that cannot be read. */
#define TRIES_MAX 16

/* Length of the commonest instructions without a prefix, or 0. */
static uint32_t common_length(const uint8_t *code)
{
	if (code[0] != 0x0f)
		return 0;
	switch (code[1]) {
	case 0xa2: /* CPUID */
	case 0x30: /* WRMSR */
	case 0x32: /* RDMSR */
		return 2;
	case 0x01:
		return code[2] == 0xd9 ? 3 : 0; /* VMMCALL */
	default:
		return 0;
	}
}

/*
 * The instruction has run, and cannot be read. Most likely another CPU has taken it away since:
 * without its old translations this CPU finds that out by itself. What the processor can read and
 * the image cannot, again and again, is given up.
 */
static void send_back(struct vcpu *vcpu)
{
	uint64_t *data = vcpu->arch_data, exits = vcpu_exits(vcpu);

	if (data[SVM_DATA_UNREAD_RIP] != vcpu->rip || data[SVM_DATA_UNREAD_EXITS] != exits)
		data[SVM_DATA_UNREAD_TRIES] = 0;
	data[SVM_DATA_UNREAD_RIP] = vcpu->rip;
	data[SVM_DATA_UNREAD_EXITS] = exits;
	if (++data[SVM_DATA_UNREAD_TRIES] <= TRIES_MAX) {
		svm_flush_nested(vcpu);
		return;
	}
	data[SVM_DATA_UNREAD_TRIES] = 0;
	log_line("the instruction at rip %lx, cr3 %lx cannot be read: #GP", vcpu->rip,
		 vcpu_get(vcpu, REG_CR3));
	vcpu_inject_gp(vcpu);
}

bool svm_decode_instruction(struct vcpu *vcpu, struct insn *insn)
{
	int err = vcpu_decode(vcpu, insn);

	if (err == -EINVAL)
		vcpu_inject_ud(vcpu);
	else if (err)
		send_back(vcpu);
	return !err;
}

/* The code at RIP, in 64-bit mode and on a page seen at an earlier exit; `bytes` of it, or NULL. */
static const uint8_t *known_code(struct vcpu *vcpu, unsigned bytes)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);
	const uint8_t *code = NULL;

	if (svm_in_64bit_code(vmcb))
		code = walk_cache_hit(vcpu_fetch_cache(vcpu, vcpu->rip), vmcb->cr3, vcpu->rip);
	return code && ((uint64_t)code & 0xfff) <= 0x1000 - bytes ? code : NULL;
}

/* MOV to or from a control register without a prefix but REX.B; its ModRM has no other form. */
bool svm_decode_mov_cr(struct vcpu *vcpu, struct insn *insn)
{
	const uint8_t *code = known_code(vcpu, 4);
	unsigned at = code && code[0] == 0x41;

	if (!code || code[at] != 0x0f || (code[at + 1] != 0x20 && code[at + 1] != 0x22))
		return svm_decode_instruction(vcpu, insn);
	insn->id = code[at + 1] == 0x20 ? INSN_MOV_FROM_CR : INSN_MOV_TO_CR;
	insn->length = at + 3;
	insn->rm = (code[at + 2] & 7) | at << 3;
	return true;
}

/* Most often the instruction lies in a page seen at an earlier exit. */
__attribute__((noinline)) uint32_t svm_instruction_length(struct vcpu *vcpu)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);
	const uint8_t *code = NULL;
	uint32_t length = 0;
	struct insn insn;

	if (svm_in_64bit_code(vmcb))
		code = walk_cache_hit(vcpu_fetch_cache(vcpu, vcpu->rip), vmcb->cr3, vcpu->rip);
	if (code && ((uint64_t)code & 0xfff) <= 0xffd)
		length = common_length(code);
	if (length)
		return length;
	return svm_decode_instruction(vcpu, &insn) ? insn.length : 0;
}
