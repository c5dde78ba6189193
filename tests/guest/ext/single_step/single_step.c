// SPDX-License-Identifier: MIT
/* Exits behind each instruction, by the monitor trap flag. */
#include "extension/extension.h"
#include "base/errno.h"
#include "vcpu/vcpu.h"
#include "../tests/guest/ext/single_step/single_step.h"

struct steps {
	uint64_t start, asked, done;
	uint64_t place[STEPS_MAX];
};

static int64_t begin(struct vcpu *vcpu, struct steps *steps)
{
	int err;

	if (!vcpu->regs.rdi || vcpu->regs.rdi > STEPS_MAX)
		return -EINVAL;
	err = vcpu_intercept(vcpu, HADAL_EXIT_SINGLE_STEP);
	if (err)
		return err;
	steps->asked = vcpu->regs.rdi;
	steps->done = 0;
	steps->start = vcpu->rip + vcpu->exit.length;
	return 0;
}

static enum verdict on_hypercall(struct vcpu *vcpu, void *data)
{
	struct steps *steps = data;
	uint64_t index = vcpu->regs.rdi;

	if (vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	switch (vcpu->regs.rax - HADAL_CALL_BASE) {
	case STEP_CALL:
		vcpu->regs.rax = begin(vcpu, steps);
		return VERDICT_DONE;
	case STEP_PLACE_CALL:
		vcpu->regs.rax = index < steps->done ? (int64_t)steps->place[index] : -ENOENT;
		return VERDICT_DONE;
	default:
		return VERDICT_PASS;
	}
}

static enum verdict on_step(struct vcpu *vcpu, void *data)
{
	struct steps *steps = data;

	if (steps->done < steps->asked)
		steps->place[steps->done++] = vcpu->rip - steps->start;
	if (steps->done == steps->asked)
		vcpu_release(vcpu, HADAL_EXIT_SINGLE_STEP);
	return VERDICT_RETRY;
}

static const struct hadal_extension single_step = {
	.name = "single_step",
	.vcpu_data_bytes = sizeof(struct steps),
	.on =
		{
			[HADAL_EXIT_HYPERCALL] = on_hypercall,
			[HADAL_EXIT_SINGLE_STEP] = on_step,
		},
};
HADAL_EXTENSION(single_step);
