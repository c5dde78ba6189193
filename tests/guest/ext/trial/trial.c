// SPDX-License-Identifier: MIT
/* Whether the processor enters the guest with any registers that may be set, and what if not. */
#include "extension/extension.h"
#include "base/errno.h"
#include "paging/memory.h"
#include "vcpu/register_set.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "../tests/guest/ext/trial/trial.h"

struct trial {
	bool runs;
	uint64_t mask;
	struct hadal_regs before;
};

/* The guest is left at once by an NMI that is pending (SVM), or by the NMI window (VT-x). */
static void leave_at_once(struct vcpu *vcpu)
{
	if (vendor->id == HADAL_VENDOR_INTEL) {
		vendor->request_nmi_window(vcpu);
		return;
	}
	__atomic_store_n(&vcpu->kick_sent, true, __ATOMIC_SEQ_CST);
	apic_send_nmi(vcpu->apic_id);
}

static int set(struct vcpu *vcpu, struct trial *trial, bool unchecked)
{
	struct hadal_set_regs set;
	uint32_t refused;

	if (memory_copy_from_guest(vcpu->regs.rdi, &set, sizeof(set)) != sizeof(set))
		return -EFAULT;
	vcpu_registers(vcpu, &trial->before);
	trial->mask = set.mask;
	if (!unchecked)
		return vcpu_set_registers(vcpu, &set.values, set.mask, &refused);
	vcpu_load_registers(vcpu, &set.values, set.mask);
	return 0;
}

static enum verdict on_hypercall(struct vcpu *vcpu, void *data)
{
	struct trial *trial = data;
	int err;

	if (vcpu->regs.rax != HADAL_CALL_BASE + TRIAL_CALL || vcpu_get(vcpu, REG_CPL))
		return VERDICT_PASS;
	err = set(vcpu, trial, vcpu->regs.rsi);
	if (err) {
		vcpu->regs.rax = err;
		return VERDICT_DONE;
	}
	trial->before.rip += vcpu->exit.length;
	trial->runs = true;
	leave_at_once(vcpu);
	return VERDICT_RETRY;
}

static enum verdict on_left(struct vcpu *vcpu, void *data)
{
	struct trial *trial = data;

	if (!trial->runs)
		return VERDICT_PASS;
	trial->runs = false;
	/* Entering clears nothing of it; a refused entry does. */
	trial->before.rax = vcpu->undo.armed ? 0 : TRIAL_UNDONE;
	vcpu_load_registers(vcpu, &trial->before, trial->mask | 1ull << HADAL_REG_RIP | 1);
	return VERDICT_PASS;
}

static const struct hadal_extension trial_extension = {
	.name = "trial",
	.vcpu_data_bytes = sizeof(struct trial),
	.on =
		{
			[HADAL_EXIT_HYPERCALL] = on_hypercall,
			[HADAL_EXIT_NMI] = on_left,
			[HADAL_EXIT_NMI_WINDOW] = on_left,
		},
};
HADAL_EXTENSION(trial_extension);
