// SPDX-License-Identifier: MIT
/* What a vCPU's extensions want to exit, counted. */
#include "extension/extension.h"
#include "base/bits.h"
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

static void apply_cr_writes(struct vcpu *vcpu)
{
	uint32_t registers = 0;

	for (unsigned i = 0; i < ARRAY_LEN(vcpu->intercepts.cr_write); i++)
		if (vcpu->intercepts.cr_write[i])
			registers |= 1u << i;
	vendor->intercept_cr_writes(vcpu, registers);
}

static bool is_cr(uint8_t cr)
{
	return cr == 0 || cr == 3 || cr == 4 || cr == 8;
}

int vcpu_intercept_cr_write(struct vcpu *vcpu, uint8_t cr)
{
	if (!is_cr(cr))
		return -EINVAL;
	vcpu->intercepts.cr_write[cr]++;
	apply_cr_writes(vcpu);
	return 0;
}

void vcpu_release_cr_write(struct vcpu *vcpu, uint8_t cr)
{
	if (!is_cr(cr) || !vcpu->intercepts.cr_write[cr])
		return;
	vcpu->intercepts.cr_write[cr]--;
	apply_cr_writes(vcpu);
}

static void apply_exceptions(struct vcpu *vcpu)
{
	uint32_t vectors = 0;

	for (unsigned i = 0; i < 32; i++)
		if (vcpu->intercepts.exception[i])
			vectors |= 1u << i;
	vcpu->intercepts.vectors = vectors;
	if (!vcpu->stepping) /* all of them exit then */
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

/* Writing any intercept tells a processor that keeps them (APM 15.15.3). */
void vcpu_bitmaps_changed(struct vcpu *vcpu)
{
	vendor->intercept_exceptions(vcpu, vcpu->intercepts.vectors);
}
