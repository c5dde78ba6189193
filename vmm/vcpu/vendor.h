/* SPDX-License-Identifier: MIT */
/*
 * What a vendor's code gives the core. Neither side knows more of the other than this and struct
 * vcpu.
 *
 * The exit path is the vendor's: its stub saves the registers into vcpu->regs and calls its own C
 * function, which decodes into vcpu->exit (setting vcpu->rip, vcpu->rflags and a re-delivery of an
 * interrupted event in vcpu->inject), calls vcpu_dispatch() of exit/dispatch.h, and encodes (rip,
 * inject, flush).
 */
#ifndef HADAL_VCPU_VENDOR_H
#define HADAL_VCPU_VENDOR_H

#include "vcpu/vcpu.h"

struct vendor {
	enum hadal_vendor id;
	const char *name;
	/* Once, during INIT: what the processor must have. -ENODEV with the reason in the log. */
	int (*probe)(void);
	/* True when the nested tables are EPT, false for NPT. */
	bool nested_is_ept;
	/* The levels of the nested tables: 4, or 5. */
	unsigned (*nested_levels)(void);
	/* Whether the nested tables may have 1 GiB pages, which need not be so for the host's. */
	bool (*nested_has_1g)(void);
	/* Whether they may have pages for fetches alone. */
	bool (*nested_has_fetch_only)(void);
	/* Whether start() would be refused on this CPU, which stays as it is: 0 or start()'s error.
	 */
	int (*check)(struct vcpu *vcpu);
	/*
	 * Turn virtualization on and fill the control structures so that the guest goes on as
	 * vcpu->entry says. Runs on the image's stack with the image's tables. -EBUSY, -EPERM,
	 * -ENODEV, -EIO. Undoes everything itself on failure.
	 */
	int (*start)(struct vcpu *vcpu);
	/* Enter the guest for the first time with vcpu->regs. Returns only on failure, a negative
	 * errno. */
	int (*enter)(struct vcpu *vcpu);
	/* Where to jump, with RSP and RDI at the vCPU, to encode and enter again: an assembly
	 * label. */
	void (*resume)(void);
	/*
	 * Fill vcpu->entry from the guest's state, then turn virtualization off. vcpu->regs, rip
	 * and rflags are current. The MSRs, debug registers and descriptor caches that the guest
	 * had live are live again afterwards, but for what struct entry_state names:
	 * life/trampoline.S loads that.
	 */
	void (*stop)(struct vcpu *vcpu);
	/* True when stop() leaves SVM's global interrupt flag clear. */
	bool stop_clears_gif;

	uint64_t (*get)(struct vcpu *vcpu, enum vcpu_reg reg);
	/* In 64-bit mode: EFER.LMA and CS.L. */
	bool (*long_mode)(struct vcpu *vcpu);
	/* In ring 0 of 64-bit mode, where hypercalls are made from. */
	bool (*in_kernel)(struct vcpu *vcpu);
	void (*set)(struct vcpu *vcpu, enum vcpu_reg reg, uint64_t value);
	void (*get_segment)(struct vcpu *vcpu, enum vcpu_segment segment,
			    struct hadal_segment *out);
	void (*set_segment)(struct vcpu *vcpu, enum vcpu_segment segment,
			    const struct hadal_segment *value);
	/* The guest's last instruction blocks no events and waits for none any more. */
	void (*wake)(struct vcpu *vcpu);
	/* An interrupt goes to the guest with the next entry, which RFLAGS.IF must allow. */
	bool (*needs_if)(struct vcpu *vcpu);

	/* Set or clear one intercept of this vCPU; the core counts. -EOPNOTSUPP when there is no
	 * such bit. */
	int (*intercept)(struct vcpu *vcpu, enum hadal_exit_kind kind, bool on);
	/* Writes of control registers beside those of HADAL_EXIT_CR_WRITE, bit n: CRn; 0, 3, 4, 8.
	 */
	void (*intercept_cr_writes)(struct vcpu *vcpu, uint32_t registers);
	void (*intercept_exceptions)(struct vcpu *vcpu, uint32_t vectors); /* bit n: vector n */
	/* In the bitmap shared by all vCPUs; an MSR outside its ranges always exits. */
	void (*intercept_msr)(uint32_t msr, bool read, bool write);
	/* MSRs the vendor answers itself (hidden features). VERDICT_PASS for others. */
	enum verdict (*read_msr)(struct vcpu *vcpu, uint32_t msr, uint64_t *value);
	enum verdict (*write_msr)(struct vcpu *vcpu, uint32_t msr, uint64_t value);

	/* Bits that the guest may set in CR4 and EFER on this processor. */
	uint64_t (*cr4_allowed)(struct vcpu *vcpu);
	uint64_t (*efer_allowed)(void);
	/* An entry checks segments as a whole (SDM 27.3.1.2), not only what contradicts. */
	bool strict_segments;

	/* Deliver the exception described in vcpu->exit to the guest, with what belongs to it (CR2,
	 * DR6). */
	void (*reinject_exception)(struct vcpu *vcpu);
	/* TF was set when an instruction was emulated: a #DB with DR6.BS is due. */
	void (*pend_single_step)(struct vcpu *vcpu);
	/* Exit as soon as the guest can take an NMI. */
	void (*request_nmi_window)(struct vcpu *vcpu);
	/* The guest is in its NMI handler. */
	bool (*nmi_blocked)(struct vcpu *vcpu);
	/* True when an NMI may be injected on the next entry. */
	bool (*nmi_allowed)(struct vcpu *vcpu);
	/* The same two for an external interrupt; the window exits as HADAL_EXIT_NMI_WINDOW. */
	void (*request_interrupt_window)(struct vcpu *vcpu);
	bool (*interrupt_allowed)(struct vcpu *vcpu);
	/* A reset: nothing blocks events, no window is waited for, the processor executes. */
	void (*forget_events)(struct vcpu *vcpu);
	/* INIT and SIPI of others exit, and leave the processor to the image; else they end that.
	 */
	bool init_exits;
	/* Run on the nested tables with this root, whose translations the next entry drops. */
	void (*use_root)(struct vcpu *vcpu, uint64_t root);
	/* The event that goes to the guest with the next entry is delivered, and then this exits,
	 * before the first instruction of its handler. */
	void (*exit_after_event)(struct vcpu *vcpu);
	/* Some event, or a #DB that is due, goes to the guest with the next entry. */
	bool (*event_queued)(struct vcpu *vcpu);
	/*
	 * Exit when an interrupt is about to be delivered, whatever RFLAGS.IF is
	 * (HADAL_EXIT_INTERRUPT; it stays where it is); and at the next IRET: SVM before it
	 * (HADAL_EXIT_IRET), VT-x right behind it (HADAL_EXIT_NMI_WINDOW), and wants to be asked
	 * again then. An NMI for the guest may come meanwhile.
	 */
	void (*trap)(struct vcpu *vcpu, bool interrupts, bool returns);
	/* CR3 and the CPL, for records: what get() tells, without its ways. */
	uint64_t (*place)(struct vcpu *vcpu, uint8_t *cpl);
	/* The linear address of a nested fault, 0 where the processor does not tell it. */
	uint64_t (*fault_linear)(struct vcpu *vcpu);
	/* The next entry drops this CPU's nested translations. */
	void (*flush_nested)(struct vcpu *vcpu);
	/* The guest asked for a reset or tripled faulted: as bare hardware would do. */
	void (*shutdown)(struct vcpu *vcpu);
};

extern const struct vendor vmx_vendor;
extern const struct vendor svm_vendor;
/* The same for a system that it was there before. */
const struct vendor *svm_vendor_first(void);
extern const struct vendor *vendor;

#endif
