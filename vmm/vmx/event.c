// SPDX-License-Identifier: MIT
/* Events on their way to the guest, what blocks them, and the states a CPU waits in. */
#include "x86/cpu.h"
#include "vmx/vmx.h"

#define DR7_GD    (1ull << 13)
#define DR6_TRAPS 0xfull /* B0 to B3 */
#define DR6_RTM   (1ull << 16)

void vmx_pend_single_step(struct vcpu *vcpu)
{
	(void)vcpu;
	vmwrite(VMCS_PENDING_DEBUG, vmread(VMCS_PENDING_DEBUG) | PENDING_DEBUG_BS);
}

/* A #DB that exits has changed neither DR6 nor DR7.GD yet (SDM 28.1). */
static void take_debug_exception(uint64_t pending)
{
	uint64_t dr6 = read_dr6() & ~DR6_TRAPS;

	/* RTM is the one bit that means its event by being clear. */
	write_dr6((dr6 | (pending & ~DR6_RTM) | DR6_RTM) & ~(pending & DR6_RTM));
	vmwrite(VMCS_DR7, vmread(VMCS_DR7) & ~DR7_GD);
}

void vmx_reinject_exception(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;
	uint32_t type = vmread(VMCS_EXIT_EVENT) & EVENT_TYPE;

	if (e->exception.vector == VECTOR_PF)
		write_cr2(e->exception.address);
	else if (e->exception.vector == VECTOR_DB && type != EVENT_PRIVILEGED_SOFT_EXC)
		take_debug_exception(e->exception.address);
	vcpu_inject_exception(vcpu, e->exception.vector, e->exception.has_error,
			      e->exception.error);
	if (type != EVENT_EXCEPTION) {
		vcpu->inject.info = (vcpu->inject.info & ~EVENT_TYPE) | type;
		vcpu->inject.length = e->length;
	}
}

bool vmx_nmi_blocked(struct vcpu *vcpu)
{
	return (vmread(VMCS_INTERRUPTIBILITY) & BLOCKING_NMI) && !vmx_cpu(vcpu)->pretends_nmi;
}

static void set_nmi_blocking(struct vcpu *vcpu, bool on)
{
	uint64_t state = vmread(VMCS_INTERRUPTIBILITY) & ~BLOCKING_NMI;

	vmx_cpu(vcpu)->pretends_nmi = on;
	vmwrite(VMCS_INTERRUPTIBILITY, on ? state | BLOCKING_NMI : state);
}

/* What is only pretended must not keep a real one away. */
bool vmx_nmi_allowed(struct vcpu *vcpu)
{
	if (vmx_cpu(vcpu)->pretends_nmi)
		set_nmi_blocking(vcpu, false);
	return !(vmread(VMCS_INTERRUPTIBILITY) & (BLOCKING_SHADOW | BLOCKING_NMI)) &&
	       !(vmread(VMCS_ENTRY_EVENT) & EVENT_VALID) && vmread(VMCS_ACTIVITY) <= ACTIVITY_HLT;
}

/*
 * The NMI window may open within the shadow of an STI (SDM 26.2), where no NMI is to be injected.
 * RFLAGS.IF is set there, so that the interrupt window opens right behind it.
 */
void vmx_request_nmi_window(struct vcpu *vcpu)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);

	if (vmread(VMCS_INTERRUPTIBILITY) & BLOCKING_STI)
		cpu->sti_window = true;
	else
		cpu->nmi_window = true;
	vmx_apply_controls(vcpu);
}

void vmx_request_interrupt_window(struct vcpu *vcpu)
{
	vmx_cpu(vcpu)->sti_window = true;
	vmx_apply_controls(vcpu);
}

bool vmx_interrupt_allowed(struct vcpu *vcpu)
{
	return (vcpu->rflags & RFLAGS_IF) && !(vmread(VMCS_INTERRUPTIBILITY) & BLOCKING_SHADOW) &&
	       !(vmread(VMCS_ENTRY_EVENT) & EVENT_VALID) && vmread(VMCS_ACTIVITY) <= ACTIVITY_HLT;
}

/* The window opens behind the event, unless NMIs are blocked (SDM 27.7.6). */
void vmx_exit_after_event(struct vcpu *vcpu)
{
	if (vmx_cpu(vcpu)->pretends_nmi)
		set_nmi_blocking(vcpu, false);
	vmx_cpu(vcpu)->nmi_window = true;
	vmx_apply_controls(vcpu);
}

void vmx_end_nmi_window(struct vcpu *vcpu)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);

	cpu->sti_window = false;
	cpu->nmi_window = false;
	cpu->pretends_nmi &= (vmread(VMCS_INTERRUPTIBILITY) & BLOCKING_NMI) != 0;
	vmx_apply_controls(vcpu);
}

static uint32_t queued_event(struct vcpu *vcpu)
{
	uint32_t event = vcpu->inject.info ? vcpu->inject.info : vmread(VMCS_ENTRY_EVENT);

	return event & EVENT_VALID ? event : 0;
}

bool vmx_event_queued(struct vcpu *vcpu)
{
	return queued_event(vcpu) || (vmread(VMCS_PENDING_DEBUG) & PENDING_DEBUG_BS);
}

/*
 * An IRET ends the blocking of NMIs, and the NMI window opens (SDM 26.2): the blocking is made for
 * that, unless the guest is in an NMI's handler or about to be, whose IRET does as well.
 */
void vmx_trap(struct vcpu *vcpu, bool interrupts, bool returns)
{
	struct vmx_cpu *cpu = vmx_cpu(vcpu);
	bool blocked = vmread(VMCS_INTERRUPTIBILITY) & BLOCKING_NMI;
	bool comes = vcpu->nmi_pending || (queued_event(vcpu) & EVENT_TYPE) == EVENT_NMI;

	if (returns && !blocked && !comes)
		set_nmi_blocking(vcpu, true);
	else if (cpu->pretends_nmi && (!returns || comes))
		set_nmi_blocking(vcpu, false);
	cpu->iret_window = returns;
	vmwrite(VMCS_PIN, interrupts ? cpu->controls.pin | PIN_INTERRUPT : cpu->controls.pin);
	vmx_apply_controls(vcpu);
}

/* An entry wants no shadow of an STI with IF clear, and none at all in HLT (SDM 27.3.1.5). */
void vmx_wake(struct vcpu *vcpu)
{
	vmx_clear_shadow(vcpu);
	if (vmread(VMCS_ACTIVITY) == ACTIVITY_HLT)
		vmwrite(VMCS_ACTIVITY, ACTIVITY_ACTIVE);
}

/* It is in the VMCS already when the vCPU has been on its way into the guest (SDM 27.3.1.4). */
bool vmx_needs_if(struct vcpu *vcpu)
{
	uint32_t event = vcpu->inject.info ? vcpu->inject.info : vmread(VMCS_ENTRY_EVENT);

	return (event & EVENT_VALID) && (event & EVENT_TYPE) == EVENT_INTERRUPT;
}

void vmx_wait_for_sipi(void)
{
	vmwrite(VMCS_ACTIVITY, ACTIVITY_WAIT_SIPI);
}

void vmx_forget_events(struct vcpu *vcpu)
{
	vmx_end_nmi_window(vcpu);
	vmwrite(VMCS_INTERRUPTIBILITY, 0);
	vmwrite(VMCS_PENDING_DEBUG, 0);
	vmwrite(VMCS_ACTIVITY, ACTIVITY_ACTIVE);
}
