// SPDX-License-Identifier: MIT
/* From the VMCB's exit code to struct exit, and from struct vcpu to the next entry. */
#include "exit/dispatch.h"
#include "cpus/attend.h"
#include "leave/stop.h"
#include "base/insn.h"
#include "base/log.h"
#include "x86/cpu.h"
#include "svm/offsets.h"
#include "svm/reasons.h"
#include "svm/svm.h"

_Static_assert(offsetof(struct vcpu, arch_data) == VCPU_ARCH_DATA, "see offsets.h");
_Static_assert(PERCPU_ARCH - PERCPU_VCPU + offsetof(struct vmcb, rax) == VCPU_VMCB_RAX,
	       "see offsets.h");

#define VECTOR_OF 4
/* Other kinds whose instruction the base handlers complete: its length is needed. */
#define COMPLETED \
	(1ull << HADAL_EXIT_DR_ACCESS | 1ull << HADAL_EXIT_XSETBV | 1ull << HADAL_EXIT_INVLPG)

/*
 * An event whose delivery exited is delivered again. INT n, INT3 and INTO are executed again
 * instead, for RIP still points at them. QEMU calls interrupts and NMIs exceptions here, and would
 * not take them as such.
 */
static void requeue_event(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	uint32_t info = vmcb->exit_interrupt, vector = info & EVENT_VECTOR;

	if ((info & EVENT_TYPE) == EVENT_SOFT_INT)
		return;
	if ((info & EVENT_TYPE) == EVENT_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF))
		return;
	if ((info & EVENT_TYPE) == EVENT_EXCEPTION && (vector > 31 || vector == VECTOR_NMI))
		info = (info & ~EVENT_TYPE) | (vector > 31 ? EVENT_INTERRUPT : EVENT_NMI);
	vcpu->inject = (struct event){.info = info, .error = vmcb->exit_interrupt >> 32};
}

static bool decode_cr(struct vcpu *vcpu, struct exit *e, unsigned code)
{
	struct insn insn;

	if (!svm_decode_mov_cr(vcpu, &insn))
		return false;
	e->length = insn.length;
	e->cr.cr = code & 15;
	e->cr.gpr = insn.rm;
	switch (insn.id) {
	case INSN_CLTS:
		e->cr.value = vcpu_get(vcpu, REG_CR0) & ~8ull;
		break;
	case INSN_LMSW: /* sets PE, MP, EM, TS but never clears PE; memory operands read as 0 bits
			 */
		e->cr.value = vcpu_get(vcpu, REG_CR0) & ~0xeull;
		if (insn.rm != INSN_NO_REGISTER)
			e->cr.value |= *vcpu_gpr(vcpu, insn.rm) & 0xf;
		break;
	default:
		if (e->kind == HADAL_EXIT_CR_WRITE)
			e->cr.value = insn.rm == HADAL_REG_RSP ? vcpu_get(vcpu, REG_RSP)
							       : *vcpu_gpr(vcpu, insn.rm);
	}
	return true;
}

static bool decode_dr(struct vcpu *vcpu, struct exit *e, unsigned code)
{
	struct insn insn;

	if (!svm_decode_instruction(vcpu, &insn))
		return false;
	e->length = insn.length;
	e->dr.dr = code & 15;
	e->dr.gpr = insn.rm;
	e->dr.write = code >= SVM_EXIT_DR_WRITE;
	return true;
}

/*
 * INT3, INTO and INT n, before they have done anything. The #BP intercept is for the first of them
 * alone, and QEMU makes this exit of it all the same. What is none of them was INT3 when it was
 * fetched.
 */
static bool decode_software_int(struct vcpu *vcpu, struct exit *e)
{
	struct insn insn;
	int err = vcpu_decode(vcpu, &insn);

	if (err == -ENODATA)
		return svm_decode_instruction(vcpu, &insn);
	e->length = 1;
	e->exception.software = true;
	e->exception.has_error = false;
	e->exception.error = 0;
	e->exception.address = 0;
	e->exception.vector = VECTOR_BP;
	if (err || insn.id < INSN_INT3 || insn.id > INSN_INTO)
		return true;
	e->length = insn.length;
	if (insn.id == INSN_INT)
		e->exception.vector = insn.immediate;
	else if (insn.id == INSN_INTO)
		e->exception.vector = VECTOR_OF;
	return true;
}

/*
 * SVM's instructions check their privilege or operand before they exit, since EFER.SVME is set. To
 * the guest SVM is off, and they do not exist (APM vol. 3, VMRUN): #UD, not #GP.
 */
static bool is_absent_instruction(struct vcpu *vcpu, const struct vmcb *vmcb)
{
	struct insn insn;

	return !vmcb->exit_info1 && !(vmcb->exit_interrupt & EVENT_VALID) &&
	       !vcpu_decode(vcpu, &insn) && insn.id >= INSN_VMRUN && insn.id <= INSN_INVLPGA;
}

/* False when a #GP is nobody's but the guest's: on its way to it. */
static bool decode_exception(struct vcpu *vcpu, const struct vmcb *vmcb, struct exit *e,
			     unsigned code)
{
	unsigned vector = code - SVM_EXIT_EXCEPTION;

	if (code == SVM_EXIT_SOFTWARE_INT || vector == VECTOR_BP || vector == VECTOR_OF)
		return decode_software_int(vcpu, e);
	e->exception.vector = vector;
	e->exception.has_error = 0x60227d00u >> vector & 1;
	e->exception.error = vmcb->exit_info1;
	e->exception.address = vector == VECTOR_DB ? vmcb->dr6 : vmcb->exit_info2;
	e->exception.software = false;
	if (vector != VECTOR_GP)
		return true;
	if (is_absent_instruction(vcpu, vmcb)) {
		e->kind = HADAL_EXIT_VIRT_INSN;
		return true;
	}
	if (vcpu->intercepts.exception[VECTOR_GP])
		return true;
	svm_reinject_exception(vcpu);
	return false;
}

/* APM 15.10.2 */
static void decode_io(const struct vcpu *vcpu, const struct vmcb *vmcb, struct exit *e)
{
	uint64_t info = vmcb->exit_info1;

	e->length = vmcb->exit_info2 - vcpu->rip;
	e->io.port = info >> 16;
	e->io.size = info >> 4 & 7;
	e->io.in = info & 1;
	e->io.string = info & 4;
	e->io.rep = info & 8;
}

static void decode_descriptor(struct exit *e, unsigned code)
{
	static const uint8_t table[4] = {HADAL_IDTR, HADAL_GDTR, HADAL_LDTR, HADAL_TR};

	e->descriptor.table = table[(code - SVM_EXIT_IDTR_READ) & 3];
	e->descriptor.load = code - SVM_EXIT_IDTR_READ >= 4;
}

/* GIF is clear: let the NMI that waits come to the image's own handler, which counts it, or an SMI
 * to the firmware's. */
static void take_what_waits(void)
{
	__asm__ volatile("stgi\n nop\n nop\n clgi" ::: "memory");
}

/* What more an exit of a kind has to tell. False when the guest is to go on without it. */
static bool decode_kind(struct vcpu *vcpu, struct vmcb *vmcb, struct exit *e, unsigned code)
{
	switch (e->kind) {
	case HADAL_EXIT_DR_ACCESS:
		return decode_dr(vcpu, e, code);
	case HADAL_EXIT_EXCEPTION:
		return decode_exception(vcpu, vmcb, e, code);
	case HADAL_EXIT_IO:
		decode_io(vcpu, vmcb, e);
		break;
	case HADAL_EXIT_DESCRIPTOR:
		decode_descriptor(e, code);
		break;
	case HADAL_EXIT_NMI:
	case HADAL_EXIT_SMI:
		take_what_waits();
		break;
	case HADAL_EXIT_NMI_WINDOW:
		svm_end_nmi_window(vcpu);
		break;
	case HADAL_EXIT_IRET:
		if (svm_nmi_blocked(vcpu))
			svm_end_nmi(vcpu);
		break;
	case HADAL_EXIT_NESTED_FAULT:
		e->nested.gpa = vmcb->exit_info2;
		e->nested.write = vmcb->exit_info1 & NPF_WRITE;
		e->nested.execute = vmcb->exit_info1 & NPF_EXECUTE;
		e->nested.read = !e->nested.write && !e->nested.execute;
		e->nested.table = vmcb->exit_info1 & NPF_TABLE;
		break;
	default:
		break;
	}
	return true;
}

static uint32_t exit_length(struct vcpu *vcpu)
{
	if (svm_caps.next_rip)
		return svm_vmcb(vcpu)->next_rip - vcpu->rip;
	return svm_instruction_length(vcpu);
}

/* False when the guest is to go on without the exit being handled. */
static bool decode(struct vcpu *vcpu, struct vmcb *vmcb)
{
	uint32_t code = vmcb->exit_code;
	struct exit *e = &vcpu->exit;

	e->kind = svm_plain_kind[(uint8_t)code];
	if (e->kind) {
		e->length = exit_length(vcpu);
		return e->length;
	}
	if (code < SVM_EXIT_DR_READ) {
		e->kind = code < SVM_EXIT_CR_WRITE ? HADAL_EXIT_CR_READ : HADAL_EXIT_CR_WRITE;
		return decode_cr(vcpu, e, code);
	}
	if (code == SVM_EXIT_MSR) {
		e->kind = vmcb->exit_info1 & 1 ? HADAL_EXIT_WRMSR : HADAL_EXIT_RDMSR;
		e->length = exit_length(vcpu);
		return e->length;
	}
	if (code < SVM_KIND_TABLE)
		e->kind = svm_kind[code];
	if (code == SVM_EXIT_NPF)
		e->kind = HADAL_EXIT_NESTED_FAULT;
	e->length = 0;
	e->raw_reason = code;
	e->raw_info[0] = vmcb->exit_info1;
	e->raw_info[1] = vmcb->exit_info2;
	if (!decode_kind(vcpu, vmcb, e, code))
		return false;
	if (!e->length && (COMPLETED >> e->kind & 1)) {
		e->length = exit_length(vcpu);
		return e->length;
	}
	return true;
}

static __attribute__((noinline)) void encode_event(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	vmcb->event_injection = vcpu->inject.info | (uint64_t)vcpu->inject.error << 32;
	vmcb->rflags = vcpu->rflags;
	if ((vcpu->inject.info & EVENT_TYPE) == EVENT_NMI) {
		vcpu->arch_data[SVM_DATA_FLAGS] = SVM_FLAG_NMI_BLOCKED;
		svm_set_intercept(vcpu, SVM_INTERCEPT_IRET, true);
	}
	vcpu->inject.info = 0;
}

static inline __attribute__((always_inline)) uint64_t encode(struct vcpu *vcpu)
{
	while (__builtin_expect(vcpu->attention, 0))
		vcpu_attend(vcpu);
	svm_vmcb(vcpu)->rip = vcpu->rip;
	if (__builtin_expect(vcpu->inject.info, 0))
		encode_event(vcpu);
	return vcpu->arch_data[SVM_DATA_GUEST_VMCB];
}

uint64_t svm_encode(struct vcpu *vcpu)
{
	return encode(vcpu);
}

uint64_t svm_first_encode(struct vcpu *vcpu)
{
	uint64_t vmcb = encode(vcpu);

	vcpu->phase = PHASE_GUEST;
	return vmcb;
}

/*
 * Exits that have more to them, have interrupted the delivery of an event, or whose length is not
 * told by the processor.
 */
static __attribute__((noinline)) uint64_t handle_more(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);

	if (vmcb->exit_code == SVM_EXIT_INVALID)
		vcpu_entry_failed(vcpu);
	if (vmcb->exit_interrupt & EVENT_VALID)
		requeue_event(vcpu, vmcb);
	if (decode(vcpu, vmcb))
		vcpu_dispatch(vcpu, svm_clear_shadow);
	if (vcpu->events_pending)
		vcpu_attend(vcpu);
	return encode(vcpu);
}

uint64_t svm_handle_exit(struct vcpu *vcpu)
{
	struct vmcb *vmcb = svm_vmcb(vcpu);
	uint32_t kind = svm_plain_kind[(uint8_t)vmcb->exit_code];

	vcpu->rip = vmcb->rip;
	vcpu->rflags = vmcb->rflags;
	vmcb->event_injection = 0;
	vmcb->tlb_control = SVM_TLB_NOTHING;
	vmcb->clean = ~0u;
	if (__builtin_expect(!kind || !svm_caps.next_rip || vmcb->exit_interrupt & EVENT_VALID, 0))
		return handle_more(vcpu);
	vcpu->exit.kind = kind;
	vcpu->exit.length = vmcb->next_rip - vcpu->rip;
	vcpu_dispatch(vcpu, svm_clear_shadow);
	return encode(vcpu);
}
