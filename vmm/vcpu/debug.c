// SPDX-License-Identifier: MIT
/* Debug registers, shared with the guest (SDM vol. 3, 18.2; APM vol. 2, 13.1.1). */
#include "vcpu/debug.h"
#include "base/bits.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"

#define DR7_FIXED 0x400ull
/* Enabled locally or globally; of execution with length 0, which is no bits at all. */
#define DR7_ENABLED(i) (3ull << 2 * (i))
#define DR7_GLOBAL(i)  (2ull << 2 * (i))
#define DR7_WHAT(i)    (0xfull << (16 + 4 * (i)))

uint64_t debug_wanted[DEBUG_REGISTERS];

static void read_addresses(uint64_t *address)
{
	address[0] = read_dr0();
	address[1] = read_dr1();
	address[2] = read_dr2();
	address[3] = read_dr3();
}

static void write_addresses(const uint64_t *address)
{
	write_dr0(address[0]);
	write_dr1(address[1]);
	write_dr2(address[2]);
	write_dr3(address[3]);
}

/*
 * The image's own DR7 has no effect for it: an exit clears it. QEMU looks at addresses only when
 * DR7 is written by an instruction, and not when an entry loads it.
 */
static void set_dr7(struct vcpu *vcpu, uint64_t value)
{
	vcpu_set(vcpu, REG_DR7, value);
	if (vendor->id == HADAL_VENDOR_AMD)
		write_dr7(value);
}

void vcpu_debug_take(struct vcpu *vcpu)
{
	uint64_t address[DEBUG_REGISTERS], dr7;
	uint32_t lacks = 0;

	vcpu_debug_give(vcpu);
	read_addresses(vcpu->debug.address);
	vcpu->debug.dr7 = dr7 = vcpu_get(vcpu, REG_DR7);
	for (unsigned i = 0; i < DEBUG_REGISTERS; i++) {
		uint64_t wanted = __atomic_load_n(&debug_wanted[i], __ATOMIC_SEQ_CST);

		address[i] = vcpu->debug.address[i];
		if (!wanted)
			continue;
		if (dr7 & DR7_ENABLED(i)) {
			lacks |= 1u << i;
			continue;
		}
		address[i] = wanted;
		dr7 = (dr7 & ~DR7_WHAT(i)) | DR7_GLOBAL(i);
		vcpu->debug.taken |= 1u << i;
	}
	write_addresses(address);
	set_dr7(vcpu, vcpu->debug.taken ? dr7 | DR7_FIXED : dr7);
	if (lacks & ~vcpu->debug.lacks)
		__atomic_fetch_or(&vcpu->requests, REQUEST_EVENTS, __ATOMIC_SEQ_CST);
	vcpu->debug.lacks = lacks;
}

void vcpu_debug_give(struct vcpu *vcpu)
{
	if (!vcpu->debug.taken)
		return;
	vcpu->debug.taken = 0;
	set_dr7(vcpu, vcpu->debug.dr7);
	write_addresses(vcpu->debug.address);
}
