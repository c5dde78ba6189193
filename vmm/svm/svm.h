/* SPDX-License-Identifier: MIT */
/* What the files of the SVM half share. */
#ifndef HADAL_SVM_SVM_H
#define HADAL_SVM_SVM_H

#include "base/insn.h"
#include "vcpu/vendor.h"
#include "x86/cpu.h"
#include "svm/caps.h"
#include "svm/vmcb.h"

#define MSR_VM_CR       0xc0010114
#define MSR_VM_HSAVE_PA 0xc0010117
#define MSR_SYSCFG      0xc0010010

/* The pages of vcpu->arch; the guest's VMCB is found by its distance from the vCPU. */
enum svm_page { SVM_PAGE_GUEST, SVM_PAGE_HOST, SVM_PAGE_HOST_SAVE };

/* vcpu->arch_data; the first two are read by entry.S. */
enum svm_data {
	SVM_DATA_GUEST_VMCB, /* physical address */
	SVM_DATA_HOST_VMCB,
	SVM_DATA_FLAGS,
	SVM_DATA_CR_WRITES,     /* bit n: writes of CRn are to exit */
	SVM_DATA_ALL_CR_WRITES, /* not 0: all of them */
	SVM_DATA_IRET_RIP,      /* of the IRET that ends the guest's NMI handler */
	SVM_DATA_UNREAD_RIP,    /* of the last instruction whose length was not found */
	SVM_DATA_UNREAD_EXITS,  /* exits handled until then */
	SVM_DATA_TRAP_IRET,     /* not 0: any IRET exits */
	SVM_DATA_UNREAD_TRIES,  /* how often it came up since, without another exit */
};

#define SVM_FLAG_NMI_BLOCKED  1u /* the guest is in its NMI handler: an IRET ends it */
#define SVM_FLAG_IRET_PENDING 2u /* which is the next that it executes */

static inline struct vmcb *svm_vmcb(struct vcpu *vcpu)
{
	return (struct vmcb *)((uint8_t *)vcpu - PERCPU_VCPU + PERCPU_ARCH);
}

static inline void svm_set_intercept(struct vcpu *vcpu, unsigned bit, bool on)
{
	uint32_t *word = &svm_vmcb(vcpu)->intercept[bit / 32];

	if (on)
		*word |= 1u << bit % 32;
	else
		*word &= ~(1u << bit % 32);
	svm_vmcb(vcpu)->clean = 0;
}

static inline void svm_clear_shadow(struct vcpu *vcpu)
{
	svm_vmcb(vcpu)->interrupt_shadow &= ~1ull;
}

static inline bool svm_in_64bit_code(const struct vmcb *vmcb)
{
	return (vmcb->efer & EFER_LMA) && (vmcb->cs.attributes & SEGMENT_LONG);
}

/*
 * What VMLOAD, VMSAVE and VMRUN swap and both an MSR and a register of enum vcpu_reg name:
 * R(NAME, member of struct vmcb).
 */
#define SVM_SWAPPED(R)                    \
	R(STAR, star)                     \
	R(LSTAR, lstar)                   \
	R(CSTAR, cstar)                   \
	R(SFMASK, sfmask)                 \
	R(KERNEL_GS_BASE, kernel_gs_base) \
	R(SYSENTER_CS, sysenter_cs)       \
	R(SYSENTER_ESP, sysenter_esp)     \
	R(SYSENTER_EIP, sysenter_eip)     \
	R(PAT, pat)

/* entry.S: enter the guest for the first time; -EIO when the processor refuses its state. */
int svm_enter(struct vcpu *vcpu);
/* Encode and enter again, with RSP and RDI at the vCPU. */
void svm_resume(void);

/* setup.c: fill a fresh VMCB. */
void svm_setup(struct vcpu *vcpu);

/* exit.c: called by entry.S; they return the guest VMCB's physical address. */
uint64_t svm_handle_exit(struct vcpu *vcpu);
uint64_t svm_encode(struct vcpu *vcpu);
uint64_t svm_first_encode(struct vcpu *vcpu);

/*
 * length.c: what the processor does not tell of an instruction that has exited.
 */
/* Its length. 0: the guest is to go on, and meets what has been done about it. */
uint32_t svm_instruction_length(struct vcpu *vcpu);
/* The instruction itself. False as svm_instruction_length() says. */
bool svm_decode_instruction(struct vcpu *vcpu, struct insn *insn);
/* The same of one that accesses a control register; of MOV only id, length and rm are filled. */
bool svm_decode_mov_cr(struct vcpu *vcpu, struct insn *insn);

/* vcpu.c */
uint64_t svm_get(struct vcpu *vcpu, enum vcpu_reg reg);
bool svm_long_mode(struct vcpu *vcpu);
bool svm_in_kernel(struct vcpu *vcpu);
void svm_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
void svm_get_segment(struct vcpu *vcpu, enum vcpu_segment segment, struct hadal_segment *out);
void svm_set_segment(struct vcpu *vcpu, enum vcpu_segment segment,
		     const struct hadal_segment *value);
void svm_flush_nested(struct vcpu *vcpu);
void svm_use_root(struct vcpu *vcpu, uint64_t root);
uint64_t svm_place(struct vcpu *vcpu, uint8_t *cpl);
uint64_t svm_fault_linear(struct vcpu *vcpu);

/* event.c: exceptions and NMIs, and what blocks them. */
bool svm_needs_if(struct vcpu *vcpu);
void svm_pend_single_step(struct vcpu *vcpu);
void svm_reinject_exception(struct vcpu *vcpu);
bool svm_nmi_blocked(struct vcpu *vcpu);
bool svm_nmi_allowed(struct vcpu *vcpu);
void svm_request_interrupt_window(struct vcpu *vcpu);
bool svm_interrupt_allowed(struct vcpu *vcpu);
void svm_request_nmi_window(struct vcpu *vcpu);
void svm_exit_after_event(struct vcpu *vcpu);
void svm_forget_events(struct vcpu *vcpu);
bool svm_event_queued(struct vcpu *vcpu);
void svm_trap(struct vcpu *vcpu, bool interrupts, bool returns);
/* The window opened. */
void svm_end_nmi_window(struct vcpu *vcpu);
/* The guest's NMI handler is about to execute its IRET. */
void svm_end_nmi(struct vcpu *vcpu);

/* msr_bitmap.c */
void svm_intercept_msr(uint32_t msr, bool read, bool write);
uint64_t svm_msr_bitmap_physical(void);

/* intercept.c */
int svm_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind, bool on);
void svm_intercept_cr_writes(struct vcpu *vcpu, uint32_t registers);
void svm_intercept_exceptions(struct vcpu *vcpu, uint32_t vectors);
enum verdict svm_read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum verdict svm_read_msr_first(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum verdict svm_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* caps.c */
uint64_t svm_cr4_allowed(struct vcpu *vcpu);
uint64_t svm_efer_allowed(void);

#endif
