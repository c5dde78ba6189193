// SPDX-License-Identifier: MIT
/* Faults inside the image on demand, so that a test can see what becomes of the guest. */
#include "extension/extension.h"
#include "vcpu/vcpu.h"
#include "../tests/guest/ext/fault/fault.h"

static uint64_t __attribute__((noinline)) overflow(uint64_t depth)
{
	volatile uint8_t space[512];

	if (depth == ~0ull)
		return 0;
	space[depth % sizeof(space)] = depth;
	return overflow(depth + 1) + space[0];
}

static void fault(enum fault_kind kind)
{
	switch (kind) {
	case FAULT_NULL_READ:
		__asm__ volatile("mov (%0), %0" ::"r"(8ull));
		break;
	case FAULT_TEXT_WRITE:
		*(volatile char *)LAYOUT_IMAGE_BASE = 0;
		break;
	case FAULT_STACK_OVERFLOW:
		overflow(0);
		break;
	case FAULT_NOT_CANONICAL:
		__asm__ volatile("mov (%0), %0" ::"r"(1ull << 63));
		break;
	default:
		__asm__ volatile("ud2");
	}
}

static enum verdict answer(struct vcpu *vcpu, void *data)
{
	(void)data;
	if (vcpu->regs.rax != HADAL_CALL_BASE + FAULT_CALL || vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	fault(vcpu->regs.rdi);
	return VERDICT_DONE;
}

static const struct hadal_extension fault_extension = {
	.name = "fault",
	.on = {[HADAL_EXIT_HYPERCALL] = answer},
};
HADAL_EXTENSION(fault_extension);
