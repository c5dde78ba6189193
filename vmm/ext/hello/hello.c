// SPDX-License-Identifier: MIT
/* Example: answers a hypercall of its own. docs/extensions.md builds it line by line. */
#include "extension/extension.h"
#include "vcpu/vcpu.h"
#include "ext/hello/hello.h"

static enum verdict answer(struct vcpu *vcpu, void *data)
{
	uint64_t *asked = data;

	if (vcpu->regs.rax != HADAL_CALL_BASE + HELLO_CALL || vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	vcpu->regs.rax = vcpu->regs.rdi + 1;
	vcpu->regs.rsi = ++*asked;
	return VERDICT_DONE;
}

static const struct hadal_extension hello = {
	.name = "hello",
	.vcpu_data_bytes = sizeof(uint64_t),
	.on = {[HADAL_EXIT_HYPERCALL] = answer},
};
HADAL_EXTENSION(hello);
