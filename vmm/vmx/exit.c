// SPDX-License-Identifier: MIT
/* An exit's description out of the VMCS, and the entry that answers it back in. */
#include "exit/dispatch.h"
#include "cpus/attend.h"
#include "leave/stop.h"
#include "vcpu/reset.h"
#include "x86/cpu.h"
#include "vmx/offsets.h"
#include "vmx/reasons.h"
#include "vmx/vmx.h"

_Static_assert(offsetof(struct vcpu, attention) == VCPU_ATTENTION, "see offsets.h");
_Static_assert(offsetof(struct vcpu, regs.unused_rsp) == VCPU_UNUSED_RSP, "see offsets.h");

#define QUALIFICATION_CR_TO   0
#define QUALIFICATION_CR_FROM 1
#define QUALIFICATION_CR_CLTS 2
#define LMSW_BITS             0xfull
#define CR0_TS                (1ull << 3)

/* The NMI handler may count at any moment: one instruction. */
static void count_nmi(struct vcpu *vcpu)
{
	__asm__ volatile("incl %0" : "+m"(vcpu->host_nmis)::"cc");
}

/*
 * An exit by an NMI blocks NMIs as the NMI's delivery would (SDM 28.5.5), until an IRET. The next
 * entry may lift that, but does not on every processor; without it no further NMI would come.
 */
static void unblock_nmis(void)
{
	__asm__ volatile("mov %%ss, %%eax\n\t"
			 "push %%rax\n\t"
			 "lea 8(%%rsp), %%rax\n\t"
			 "push %%rax\n\t"
			 "pushfq\n\t"
			 "mov %%cs, %%eax\n\t"
			 "push %%rax\n\t"
			 "lea 1f(%%rip), %%rax\n\t"
			 "push %%rax\n\t"
			 "iretq\n"
			 "1:"
			 :
			 :
			 : "rax", "memory", "cc");
}

/*
 * The delivery of an event was under way: it starts over with the next entry (SDM 28.2.4). An NMI
 * has blocked NMIs already, which its second delivery must not find so.
 */
static void redeliver(struct vcpu *vcpu, uint32_t event)
{
	vcpu->inject.info = event & (EVENT_VALID | EVENT_ERROR | EVENT_TYPE | EVENT_VECTOR);
	if (event & EVENT_ERROR)
		vcpu->inject.error = vmread(VMCS_VECTORING_ERROR);
	vcpu->inject.length = vmread(VMCS_LENGTH);
	if ((event & EVENT_TYPE) == EVENT_NMI)
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) & ~BLOCKING_NMI);
}

/* An IRET that unblocked NMIs did not complete: NMIs are blocked until it does (SDM 28.2.3). */
static void block_nmis_again(void)
{
	if (!(vmread(VMCS_VECTORING_EVENT) & EVENT_VALID))
		vmwrite(VMCS_INTERRUPTIBILITY, vmread(VMCS_INTERRUPTIBILITY) | BLOCKING_NMI);
}

static void decode_exception(struct vcpu *vcpu, uint64_t qualification)
{
	struct exit *e = &vcpu->exit;
	uint32_t event = vmread(VMCS_EXIT_EVENT), type = event & EVENT_TYPE;

	if (type == EVENT_NMI) {
		e->kind = HADAL_EXIT_NMI;
		count_nmi(vcpu);
		unblock_nmis();
		return;
	}
	e->exception.vector = event & EVENT_VECTOR;
	e->exception.has_error = event & EVENT_ERROR;
	e->exception.error = event & EVENT_ERROR ? vmread(VMCS_EXIT_ERROR) : 0;
	e->exception.software = type != EVENT_EXCEPTION;
	e->exception.address = qualification;
	if (type != EVENT_EXCEPTION)
		e->length = vmread(VMCS_LENGTH);
	if ((event & EVENT_NMI_UNBLOCKED) && e->exception.vector != VECTOR_DF)
		block_nmis_again();
}

static uint64_t gpr_value(struct vcpu *vcpu, unsigned gpr)
{
	uint64_t value = gpr == HADAL_REG_RSP ? vmread(VMCS_RSP) : *vcpu_gpr(vcpu, gpr);

	return vmx_long_mode(vcpu) ? value : (uint32_t)value;
}

static void decode_cr(struct vcpu *vcpu, uint64_t qualification)
{
	struct exit *e = &vcpu->exit;
	unsigned access = qualification >> 4 & 3, gpr = qualification >> 8 & 15;
	uint64_t cr0;

	e->length = vmread(VMCS_LENGTH);
	e->cr.cr = qualification & 15;
	e->cr.gpr = gpr;
	switch (access) {
	case QUALIFICATION_CR_TO:
		e->cr.value = gpr_value(vcpu, gpr);
		return;
	case QUALIFICATION_CR_FROM:
		e->kind = HADAL_EXIT_CR_READ;
		return;
	}
	cr0 = vmx_get(vcpu, REG_CR0);
	if (access == QUALIFICATION_CR_CLTS)
		e->cr.value = cr0 & ~CR0_TS;
	else /* LMSW cannot clear PE */
		e->cr.value = (cr0 & (~LMSW_BITS | CR0_PE)) | (qualification >> 16 & LMSW_BITS);
}

static void decode_nested(struct vcpu *vcpu, uint64_t qualification)
{
	struct exit *e = &vcpu->exit;

	e->nested.gpa = vmread(VMCS_GUEST_PHYSICAL);
	e->nested.read = qualification & 1;
	e->nested.write = qualification & 2;
	e->nested.execute = qualification & 4;
	/* Bit 7: there is a linear address; bit 8: the access was to its translation. */
	e->nested.table = (qualification & 0x180) == 0x80;
	if (qualification & EVENT_NMI_UNBLOCKED)
		block_nmis_again();
}

static void decode_dr(struct vcpu *vcpu, uint64_t qualification)
{
	struct exit *e = &vcpu->exit;

	e->length = vmread(VMCS_LENGTH);
	e->dr.dr = qualification & 7;
	e->dr.write = !(qualification & 0x10);
	e->dr.gpr = qualification >> 8 & 15;
}

static void decode_io(struct vcpu *vcpu, uint64_t qualification)
{
	struct exit *e = &vcpu->exit;

	e->length = vmread(VMCS_LENGTH);
	e->io.size = (qualification & 7) + 1;
	e->io.in = qualification & 8;
	e->io.string = qualification & 0x10;
	e->io.rep = qualification & 0x20;
	e->io.port = qualification >> 16;
}

/* SDM 28.2.5: two exits of two tables each, stores before loads. */
static void decode_descriptor(struct vcpu *vcpu, uint64_t reason)
{
	unsigned identity = vmread(VMCS_INSTRUCTION_INFO) >> 28 & 3;

	vcpu->exit.descriptor.table =
		(reason == REASON_GDTR_IDTR ? HADAL_GDTR : HADAL_LDTR) + (identity & 1);
	vcpu->exit.descriptor.load = identity & 2;
}

/* Windows are for one NMI; one that an extension wants as well stays its own. */
static void decode_window(struct vcpu *vcpu)
{
	if (vmx_cpu(vcpu)->sti_window)
		vcpu->exit.kind = HADAL_EXIT_NMI_WINDOW;
	vmx_end_nmi_window(vcpu);
}

/* All that is not an instruction without operands. */
static void decode_more(struct vcpu *vcpu, uint64_t reason)
{
	uint64_t qualification = vmread(VMCS_QUALIFICATION);

	vcpu->exit.raw_info[0] = qualification;
	vcpu->exit.raw_info[1] = 0;
	switch (reason) {
	case REASON_EXCEPTION:
		decode_exception(vcpu, qualification);
		break;
	case REASON_INIT:
		vcpu_start_from_sipi(vcpu, 0);
		vmx_wait_for_sipi();
		break;
	case REASON_SIPI:
		vcpu->exit.sipi.vector = qualification;
		vcpu_start_from_sipi(vcpu, qualification);
		break;
	case REASON_INTERRUPT_WINDOW:
	case REASON_NMI_WINDOW:
		decode_window(vcpu);
		break;
	case REASON_CR:
		decode_cr(vcpu, qualification);
		break;
	case REASON_DR:
		decode_dr(vcpu, qualification);
		break;
	case REASON_IO:
		decode_io(vcpu, qualification);
		break;
	case REASON_GDTR_IDTR:
	case REASON_LDTR_TR:
		decode_descriptor(vcpu, reason);
		break;
	case REASON_EPT_VIOLATION:
	case REASON_EPT_MISCONFIG:
		vcpu->exit.raw_info[1] = vmread(VMCS_GUEST_PHYSICAL);
		decode_nested(vcpu, qualification);
		break;
	}
}

void vmx_clear_shadow(struct vcpu *vcpu)
{
	uint64_t state = vmread(VMCS_INTERRUPTIBILITY);

	(void)vcpu;
	if (__builtin_expect(state & BLOCKING_SHADOW, 0))
		vmwrite(VMCS_INTERRUPTIBILITY, state & ~BLOCKING_SHADOW);
}

static inline __attribute__((always_inline)) void encode(struct vcpu *vcpu)
{
	vmwrite(VMCS_RIP, vcpu->rip);
	vmwrite(VMCS_RFLAGS, vcpu->rflags);
	if (__builtin_expect(vcpu->inject.info, 0)) {
		vmwrite(VMCS_ENTRY_EVENT, vcpu->inject.info);
		vmwrite(VMCS_ENTRY_ERROR, vcpu->inject.error);
		vmwrite(VMCS_ENTRY_LENGTH, vcpu->inject.length);
		vcpu->inject.info = 0;
	}
}

void vmx_encode(struct vcpu *vcpu)
{
	encode(vcpu);
}

/* Exits that have more to them, and may have interrupted the delivery of an event. */
static __attribute__((noinline)) void handle_more(struct vcpu *vcpu)
{
	uint64_t reason = vmread(VMCS_REASON);
	uint32_t vectoring = vmread(VMCS_VECTORING_EVENT);

	vcpu->exit.length = 0;
	vcpu->exit.raw_reason = reason;
	if (reason & REASON_ENTRY_FAILED)
		vmx_entry_failed(vcpu);
	if (vectoring & EVENT_VALID)
		redeliver(vcpu, vectoring);
	decode_more(vcpu, reason & REASON_BASIC);
	vcpu_dispatch(vcpu, vmx_clear_shadow);
	if (vcpu->events_pending)
		vcpu_attend(vcpu);
	encode(vcpu);
}

void vmx_handle_exit(struct vcpu *vcpu)
{
	const struct vmx_reason *known = &vmx_reasons[vmread(VMCS_REASON) & REASON_BASIC];

	vmread_to(&vcpu->rip, VMCS_RIP);
	vmread_to(&vcpu->rflags, VMCS_RFLAGS);
	vcpu->exit.kind = known->kind;
	if (__builtin_expect(known->detail != DETAIL_LENGTH, 0)) {
		handle_more(vcpu);
		return;
	}
	vcpu->exit.length = vmread(VMCS_LENGTH);
	vcpu_dispatch(vcpu, vmx_clear_shadow);
	encode(vcpu);
}

bool vmx_first_exit(struct vcpu *vcpu)
{
	if (vmread(VMCS_REASON) & REASON_ENTRY_FAILED)
		return false;
	vmx_cpu(vcpu)->state = VMX_ENTERED;
	vcpu->phase = PHASE_GUEST;
	vmwrite(VMCS_HOST_RIP, (uint64_t)vmx_exit_stub);
	return true;
}

void vmx_attend(struct vcpu *vcpu)
{
	vcpu_attend(vcpu);
	vmx_encode(vcpu);
}

_Noreturn void vmx_entry_failed(struct vcpu *vcpu)
{
	vmx_log_entry_failure(vcpu);
	vcpu_entry_failed(vcpu);
}
