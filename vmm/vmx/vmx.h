/* SPDX-License-Identifier: MIT */
/* What the files of the VT-x half share. */
#ifndef HADAL_VMX_VMX_H
#define HADAL_VMX_VMX_H

#include "vcpu/vendor.h"
#include "vmx/caps.h"
#include "vmx/vmcs.h"

#define MSR_FEATURE_CONTROL  0x3a
#define MSR_MICROCODE        0x79
#define MSR_PERF_GLOBAL_CTRL 0x38f
#define MSR_PEBS_ENABLE      0x3f1
#define MSR_RTIT_CTL         0x570
#define MSR_LBR_CTL          0x14ce
#define RTIT_TRACE           (1ull << 0)

/* Pages of vcpu->arch. */
enum { VMX_PAGE_VMXON, VMX_PAGE_VMCS, VMX_PAGE_CPU };

enum vmx_state {
	VMX_OFF,
	VMX_ON,      /* in VMX root operation */
	VMX_LOADED,  /* and the vCPU's VMCS is current */
	VMX_ENTERED, /* and the guest has run: its state is the VMCS's */
};

/* VT-x's own part of a vCPU. */
struct vmx_cpu {
	struct vmx_caps caps;
	struct vmx_controls controls; /* without what extensions intercept */
	uint64_t kinds;               /* bit n: enum hadal_exit_kind n is to exit */
	uint32_t cr_writes;           /* bit n: writes of CRn are to exit */
	uint32_t state;               /* enum vmx_state */
	uint64_t pebs_enable;         /* the guest's; 0 while the image runs */
	bool nmi_window;              /* exit when NMIs are no longer blocked */
	bool sti_window;              /* exit when the guest can take an interrupt */
	bool iret_window;             /* exit behind an IRET */
	bool pretends_nmi;            /* NMIs are blocked for that alone */
};

static inline void *vmx_page(struct vcpu *vcpu, unsigned page)
{
	return (uint8_t *)vcpu - PERCPU_VCPU + PERCPU_ARCH + page * 4096;
}

static inline struct vmx_cpu *vmx_cpu(struct vcpu *vcpu)
{
	return vmx_page(vcpu, VMX_PAGE_CPU);
}

/* entry.S: where exits arrive, the first one and all others. */
extern char vmx_first_exit_stub[], vmx_exit_stub[];
/* Encode and enter again, with RSP and RDI at the vCPU. */
void vmx_resume(void);
/* Enter the guest for the first time. Returns a positive value when an NMI hit just before, and a
   negative one when the processor refused. */
int vmx_launch(struct vcpu *vcpu);

/* setup.c: fill a fresh VMCS that is current. */
void vmx_setup(struct vcpu *vcpu);

/*
 * trace.c: what records by itself while code runs, and would go on in the image: PEBS, Processor
 * Trace, LBRs.
 */
/* Intercept what is needed, once. */
void vmx_trace_init(void);
/* 0, or -EBUSY with the reason in the log. */
int vmx_trace_check(const struct vmx_controls *controls);
/* Into a fresh VMCS, and off in the processor; and back when VT-x is turned off. */
void vmx_trace_start(struct vcpu *vcpu);
void vmx_trace_stop(struct vcpu *vcpu);
/* The MSRs of these; VERDICT_PASS for others. */
enum verdict vmx_trace_read(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum verdict vmx_trace_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);

/* exit.c: called by entry.S. */
void vmx_clear_shadow(struct vcpu *vcpu);
void vmx_handle_exit(struct vcpu *vcpu);
bool vmx_first_exit(struct vcpu *vcpu);
void vmx_attend(struct vcpu *vcpu);
void vmx_encode(struct vcpu *vcpu);
_Noreturn void vmx_entry_failed(struct vcpu *vcpu);

/* log.c: why the processor refused to enter the guest. */
void vmx_log_entry_failure(struct vcpu *vcpu);

/* vcpu.c */
uint64_t vmx_get(struct vcpu *vcpu, enum vcpu_reg reg);
bool vmx_long_mode(struct vcpu *vcpu);
bool vmx_in_kernel(struct vcpu *vcpu);
void vmx_set(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
void vmx_get_segment(struct vcpu *vcpu, enum vcpu_segment segment, struct hadal_segment *out);
void vmx_set_segment(struct vcpu *vcpu, enum vcpu_segment segment,
		     const struct hadal_segment *value);
/* Drop this vCPU's translations of virtual addresses. */
void vmx_flush_virtual(struct vcpu *vcpu);
void vmx_flush_nested(struct vcpu *vcpu);
void vmx_use_root(struct vcpu *vcpu, uint64_t root);
uint64_t vmx_place(struct vcpu *vcpu, uint8_t *cpl);
uint64_t vmx_fault_linear(struct vcpu *vcpu);

/* event.c: interrupts, NMIs, INIT and what blocks them. */
void vmx_wake(struct vcpu *vcpu);
bool vmx_needs_if(struct vcpu *vcpu);
void vmx_pend_single_step(struct vcpu *vcpu);
void vmx_reinject_exception(struct vcpu *vcpu);
bool vmx_nmi_blocked(struct vcpu *vcpu);
bool vmx_nmi_allowed(struct vcpu *vcpu);
void vmx_request_interrupt_window(struct vcpu *vcpu);
bool vmx_interrupt_allowed(struct vcpu *vcpu);
void vmx_request_nmi_window(struct vcpu *vcpu);
void vmx_exit_after_event(struct vcpu *vcpu);
bool vmx_event_queued(struct vcpu *vcpu);
void vmx_trap(struct vcpu *vcpu, bool interrupts, bool returns);
/* The window opened. */
void vmx_end_nmi_window(struct vcpu *vcpu);
/* An INIT came: wait for a SIPI at once, for one that comes in between is lost. */
void vmx_wait_for_sipi(void);
void vmx_forget_events(struct vcpu *vcpu);

/* msr_bitmap.c */
void vmx_intercept_msr(uint32_t msr, bool read, bool write);
uint64_t vmx_msr_bitmap_physical(void);

/* intercept.c */
int vmx_intercept(struct vcpu *vcpu, enum hadal_exit_kind kind, bool on);
void vmx_intercept_cr_writes(struct vcpu *vcpu, uint32_t registers);
void vmx_intercept_exceptions(struct vcpu *vcpu, uint32_t vectors);
enum verdict vmx_read_msr(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
enum verdict vmx_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value);
/* Write the processor-based controls and the CR masks anew, with what extensions want. */
void vmx_apply_controls(struct vcpu *vcpu);

/* caps.c */
uint64_t vmx_cr4_allowed(struct vcpu *vcpu);
uint64_t vmx_efer_allowed(void);

#endif
