// SPDX-License-Identifier: MIT
/* Events on their way to the guest, and what blocks them. */
#include "paging/memory.h"
#include "x86/apic.h"
#include "x86/cpu.h"
#include "svm/svm.h"

/* An injection does not look at the privilege that the gate asks for; nothing else goes wrong. */
static bool gate_forbids(struct vcpu *vcpu, uint8_t vector)
{
	const struct vmcb *vmcb = svm_vmcb(vcpu);
	uint64_t gate;

	if (vmcb->cpl != 3 || !(vmcb->efer & EFER_LMA))
		return false;
	return memory_read_guest_root(vmcb->idtr.base + vector * 16ull, vmcb->cr3, vmcb->cr4, &gate,
				      sizeof(gate)) == sizeof(gate) &&
	       (gate >> 45 & 3) < 3;
}

/* INT3, INTO or INT n has exited before it did anything: its frame names what is behind it. */
static void deliver_software_int(struct vcpu *vcpu)
{
	uint8_t vector = vcpu->exit.exception.vector;

	if (gate_forbids(vcpu, vector)) {
		vcpu_inject_exception(vcpu, VECTOR_GP, true, vector * 8u + 2);
		return;
	}
	vcpu->rip += vcpu->exit.length;
	vcpu->inject = (struct event){.info = EVENT_VALID | EVENT_SOFT_INT | vector};
}

void svm_reinject_exception(struct vcpu *vcpu)
{
	const struct exit *e = &vcpu->exit;

	if (e->exception.software) {
		deliver_software_int(vcpu);
		return;
	}
	if (e->exception.vector == VECTOR_PF)
		svm_set(vcpu, REG_CR2, e->exception.address);
	vcpu_inject_exception(vcpu, e->exception.vector, e->exception.has_error,
			      e->exception.error);
}

void svm_pend_single_step(struct vcpu *vcpu)
{
	svm_set(vcpu, REG_DR6, svm_vmcb(vcpu)->dr6 | DR6_BS);
	vcpu_inject_exception(vcpu, VECTOR_DB, false, 0);
}

bool svm_nmi_blocked(struct vcpu *vcpu)
{
	return vcpu->arch_data[SVM_DATA_FLAGS] & SVM_FLAG_NMI_BLOCKED;
}

bool svm_nmi_allowed(struct vcpu *vcpu)
{
	uint64_t flags = vcpu->arch_data[SVM_DATA_FLAGS];

	if ((flags & SVM_FLAG_IRET_PENDING) && vcpu->rip == vcpu->arch_data[SVM_DATA_IRET_RIP])
		return false;
	return !svm_nmi_blocked(vcpu) && !(svm_vmcb(vcpu)->interrupt_shadow & 1);
}

/* There is no NMI window either. */
void svm_request_nmi_window(struct vcpu *vcpu)
{
	if (!(vcpu->arch_data[SVM_DATA_FLAGS] & SVM_FLAG_NMI_BLOCKED))
		svm_request_interrupt_window(vcpu);
	/* Else the IRET that ends the handler exits. */
}

/* A virtual interrupt that is never delivered exits when IF allows it. */
void svm_request_interrupt_window(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	vmcb->virtual_interrupt |= VIRTUAL_IRQ | VIRTUAL_IGNORE_TPR;
	svm_set_intercept(vcpu, SVM_INTERCEPT_VINTR, true);
}

bool svm_interrupt_allowed(struct vcpu *vcpu)
{
	return (vcpu->rflags & RFLAGS_IF) && !(svm_vmcb(vcpu)->interrupt_shadow & 1);
}

/*
 * The guest's NMI handler ends. The shadow keeps the next NMI off until it has, but an exit before
 * the IRET may lose it (QEMU does not load it); an NMI there would take the IRET's frame away.
 */
void svm_end_nmi(struct vcpu *vcpu)
{
	vcpu->arch_data[SVM_DATA_FLAGS] = SVM_FLAG_IRET_PENDING;
	vcpu->arch_data[SVM_DATA_IRET_RIP] = vcpu->rip;
	svm_set_intercept(vcpu, SVM_INTERCEPT_IRET, vcpu->arch_data[SVM_DATA_TRAP_IRET]);
	svm_vmcb(vcpu)->interrupt_shadow |= 1;
}

void svm_end_nmi_window(struct vcpu *vcpu)
{
	svm_set_intercept(vcpu, SVM_INTERCEPT_VINTR, false);
	svm_vmcb(vcpu)->virtual_interrupt &= ~VIRTUAL_IRQ;
	vcpu->arch_data[SVM_DATA_FLAGS] &= ~(uint64_t)SVM_FLAG_IRET_PENDING;
}

void svm_forget_events(struct vcpu *vcpu)
{
	svm_end_nmi_window(vcpu);
	vcpu->arch_data[SVM_DATA_FLAGS] = 0;
	svm_set_intercept(vcpu, SVM_INTERCEPT_IRET, false);
	svm_vmcb(vcpu)->interrupt_shadow = 0;
}

/* GIF is clear: the NMI waits for VMRUN, which delivers the event first (APM 15.20). */
void svm_exit_after_event(struct vcpu *vcpu)
{
	if (!__atomic_exchange_n(&vcpu->kick_sent, true, __ATOMIC_SEQ_CST))
		apic_send_nmi(vcpu->apic_id);
}

/* VMRUN does not look at RFLAGS.IF when it delivers an interrupt. */
bool svm_needs_if(struct vcpu *vcpu)
{
	(void)vcpu;
	return false;
}

bool svm_event_queued(struct vcpu *vcpu)
{
	return vcpu->inject.info & EVENT_VALID;
}

void svm_trap(struct vcpu *vcpu, bool interrupts, bool returns)
{
	vcpu->arch_data[SVM_DATA_TRAP_IRET] = returns;
	svm_set_intercept(vcpu, SVM_INTERCEPT_INTR, interrupts);
	svm_set_intercept(vcpu, SVM_INTERCEPT_IRET, returns || svm_nmi_blocked(vcpu));
}
