// SPDX-License-Identifier: MIT
/* Accesses to MSRs that exit: the intercepted ones, and all outside the bitmaps' ranges. */
#include "exit/apic.h"
#include "exit/base.h"
#include "exit/msr.h"
#include "extension/extension.h"
#include "base/log.h"
#include "cpus/lock.h"
#include "paging/memory.h"
#include "cpus/request.h"
#include "base/string.h"
#include "vcpu/vendor.h"
#include "x86/apic.h"
#include "x86/cpu.h"

/*
 * All CPUs get the same values, one after the other; the first to enable them again changes the
 * map. While they are disabled caching is off by CR0.CD, whatever the map says.
 */
static void mtrr_written(struct vcpu *vcpu)
{
	struct mtrr_state now;
	int err = 0;

	mtrr_read(&now, machine.physical_bits);
	if (!(now.def_type & MTRR_DEF_E))
		return;
	lock_take(&nested_lock);
	if (memcmp(&now, &machine.mtrr, sizeof(now))) {
		machine.mtrr = now;
		err = nested_rebuild_types(&machine.nested);
		request_flush_all(vcpu);
		nested_flushed(&machine.nested);
	}
	lock_give(&nested_lock);
	if (err)
		log_line("no memory to follow a change of MTRRs: some memory keeps its old type");
}

static int intercept_mtrrs(void)
{
	struct mtrr_state now;
	int err = msr_intercept(MSR_MTRR_DEF_TYPE, MSR_WRITE);

	mtrr_read(&now, machine.physical_bits);
	for (unsigned i = 0; !err && i < MTRR_FIXED_COUNT; i++)
		err = msr_intercept(mtrr_fixed_msr[i], MSR_WRITE);
	for (unsigned i = 0; !err && i < 2 * mtrr_variable_count(&now); i++)
		err = msr_intercept(MSR_MTRR_BASE0 + i, MSR_WRITE);
	return err;
}

int msr_init(void)
{
	int err = msr_intercept(MSR_APIC_BASE, MSR_WRITE);

	if (!err && machine_keeps_cpus() && !vendor->init_exits)
		err = apic_watch();
	return err || !vendor->nested_is_ept ? err : intercept_mtrrs();
}

/* Over the image's own memory the APIC would be in the image's way, not in the guest's. */
static bool is_refused(uint32_t msr, uint64_t value)
{
	return msr == MSR_APIC_BASE &&
	       (memory_is_own(value & APIC_BASE_ADDRESS) || apic_escapes(value));
}

enum verdict base_rdmsr(struct vcpu *vcpu)
{
	uint32_t msr = vcpu->regs.rcx;
	uint64_t value = 0;
	enum verdict verdict = vendor->read_msr(vcpu, msr, &value);

	if (verdict == VERDICT_RETRY)
		return verdict;
	if (verdict == VERDICT_PASS && rdmsr_safe(msr, &value)) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	vcpu->regs.rax = (uint32_t)value;
	vcpu->regs.rdx = value >> 32;
	return VERDICT_DONE;
}

enum verdict base_wrmsr(struct vcpu *vcpu)
{
	uint32_t msr = vcpu->regs.rcx;
	uint64_t value = (uint32_t)vcpu->regs.rax | vcpu->regs.rdx << 32;
	enum verdict verdict = vendor->write_msr(vcpu, msr, value);

	if (verdict != VERDICT_PASS)
		return verdict;
	if (msr == MSR_X2APIC_ICR && apic_command_write(vcpu, value))
		return VERDICT_DONE;
	if (is_refused(msr, value) || wrmsr_safe(msr, value)) {
		vcpu_inject_gp(vcpu);
		return VERDICT_RETRY;
	}
	if (msr == MSR_APIC_BASE)
		memory_map_apic(vcpu);
	if (vendor->nested_is_ept && mtrr_has(msr))
		mtrr_written(vcpu);
	return VERDICT_DONE;
}
