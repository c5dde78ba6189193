// SPDX-License-Identifier: MIT
/* Events that the next entry delivers to the guest. */
#include "vcpu/vendor.h"
#include "x86/cpu.h"

void vcpu_inject_nmi(struct vcpu *vcpu)
{
	vcpu->nmi_pending = true;
	__atomic_fetch_or(&vcpu->requests, REQUEST_NMI, __ATOMIC_RELAXED);
}

/*
 * An event that was being delivered waits, for an exception goes before it: its local APIC takes it
 * as served, so that nobody would send it again. Software's own are executed again.
 */
static void hold_event(struct vcpu *vcpu)
{
	uint32_t event = vcpu->inject.info, type = event & EVENT_TYPE;

	if (!(event & EVENT_VALID))
		return;
	if (type == EVENT_NMI) {
		vcpu_inject_nmi(vcpu);
	} else if (type == EVENT_INTERRUPT) {
		vcpu->held = vcpu->inject;
		__atomic_fetch_or(&vcpu->requests, REQUEST_NMI, __ATOMIC_RELAXED);
	}
}

void vcpu_inject_machine_check(struct vcpu *vcpu)
{
	vcpu->mc_pending = true;
	__atomic_fetch_or(&vcpu->requests, REQUEST_NMI, __ATOMIC_RELAXED);
}

/* Exceptions that make a double fault of a second one (SDM 6.15, APM 8.2.9). */
static bool is_contributory(unsigned vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

static bool makes_double_fault(unsigned first, unsigned second)
{
	if (is_contributory(first))
		return is_contributory(second);
	return first == VECTOR_PF && (is_contributory(second) || second == VECTOR_PF);
}

/* A fault's frame has RF set, which injection leaves to the VMM (SDM vol. 3, 18.3.1.1). */
static bool is_fault(unsigned vector)
{
	return vector != VECTOR_DB && vector != VECTOR_BP && vector != VECTOR_OF &&
	       vector != VECTOR_DF && vector != VECTOR_MC;
}

void vcpu_inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_error, uint32_t error)
{
	uint32_t before;

	hold_event(vcpu);
	if (vcpu->stepping)
		vcpu_step_cancelled(vcpu);
	before = vcpu->inject.info;
	if ((before & EVENT_VALID) && (before & EVENT_TYPE) == EVENT_EXCEPTION) {
		unsigned first = before & EVENT_VECTOR;

		if (first == VECTOR_DF) {
			vcpu->inject.info = 0;
			vendor->shutdown(vcpu);
			return;
		}
		if (makes_double_fault(first, vector)) {
			vector = VECTOR_DF;
			has_error = true;
			error = 0;
		}
	}
	if (is_fault(vector))
		vcpu->rflags |= RFLAGS_RF;
	vcpu->inject = (struct event){
		.info = EVENT_VALID | EVENT_EXCEPTION | (has_error ? EVENT_ERROR : 0) | vector,
		.error = error,
	};
}

void vcpu_inject_ud(struct vcpu *vcpu)
{
	vcpu_inject_exception(vcpu, VECTOR_UD, false, 0);
}

void vcpu_inject_gp(struct vcpu *vcpu)
{
	vcpu_inject_exception(vcpu, VECTOR_GP, true, 0);
}

/* Exits that come of themselves, between two instructions of the guest's. */
static bool is_asynchronous(enum hadal_exit_kind kind)
{
	switch (kind) {
	case HADAL_EXIT_NMI:
	case HADAL_EXIT_NMI_WINDOW:
	case HADAL_EXIT_INTERRUPT:
	case HADAL_EXIT_INTERRUPT_WINDOW:
	case HADAL_EXIT_INIT:
	case HADAL_EXIT_SIPI:
	case HADAL_EXIT_SMI:
	case HADAL_EXIT_TIMER:
		return true;
	default:
		return false;
	}
}

void vcpu_abandon_exit(struct vcpu *vcpu)
{
	bool innocent = vcpu->attending || is_asynchronous(vcpu->exit.kind);

	vcpu->attending = false;
	if (innocent)
		return;
	hold_event(vcpu);
	vcpu->inject.info = 0;
	vcpu_inject_gp(vcpu);
}
