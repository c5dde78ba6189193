// SPDX-License-Identifier: MIT
/* What a vCPU's extensions want to exit, counted. */
#include "extension/extension.h"
#include "base/errno.h"
#include "vcpu/vendor.h"

int vcpu_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind)
{
	if (!vcpu->intercepts.kind[kind]) {
		int err = vendor->intercept(vcpu, kind, true);

		if (err)
			return err;
	}
	vcpu->intercepts.kind[kind]++;
	return 0;
}

void vcpu_release(struct vcpu *vcpu, enum hadal_exit_kind kind)
{
	if (vcpu->intercepts.kind[kind] && !--vcpu->intercepts.kind[kind])
		vendor->intercept(vcpu, kind, false);
}

static void apply_exceptions(struct vcpu *vcpu)
{
	uint32_t vectors = 0;

	for (unsigned i = 0; i < 32; i++)
		if (vcpu->intercepts.exception[i])
			vectors |= 1u << i;
	vendor->intercept_exceptions(vcpu, vectors);
}

int vcpu_intercept_exception(struct vcpu *vcpu, uint8_t vector)
{
	if (vector >= 32 || vector == 2)
		return -EINVAL;
	vcpu->intercepts.exception[vector]++;
	apply_exceptions(vcpu);
	return 0;
}

void vcpu_release_exception(struct vcpu *vcpu, uint8_t vector)
{
	if (vector >= 32 || !vcpu->intercepts.exception[vector])
		return;
	vcpu->intercepts.exception[vector]--;
	apply_exceptions(vcpu);
}
