/* SPDX-License-Identifier: MIT */
/* The VMCB (APM vol. 2, appendix B). */
#ifndef HADAL_SVM_VMCB_H
#define HADAL_SVM_VMCB_H

#include <stddef.h>
#include <stdint.h>

/* Intercept bits, numbered from the word at VMCB offset 0: CR, DR, exceptions, then these. */
enum svm_intercept {
	SVM_INTERCEPT_CR_READ = 0,
	SVM_INTERCEPT_CR_WRITE = 16,
	SVM_INTERCEPT_DR_READ = 32,
	SVM_INTERCEPT_DR_WRITE = 48,
	SVM_INTERCEPT_EXCEPTION = 64,
	SVM_INTERCEPT_INTR = 96,
	SVM_INTERCEPT_NMI = 97,
	SVM_INTERCEPT_SMI = 98,
	SVM_INTERCEPT_INIT = 99,
	SVM_INTERCEPT_VINTR = 100,
	SVM_INTERCEPT_IDTR_READ = 102, /* then GDTR, LDTR, TR; then writes of the four */
	SVM_INTERCEPT_RDTSC = 110,
	SVM_INTERCEPT_RDPMC = 111,
	SVM_INTERCEPT_CPUID = 114,
	SVM_INTERCEPT_IRET = 116,
	SVM_INTERCEPT_SOFTWARE_INT = 117,
	SVM_INTERCEPT_INVD = 118,
	SVM_INTERCEPT_PAUSE = 119,
	SVM_INTERCEPT_HLT = 120,
	SVM_INTERCEPT_INVLPG = 121,
	SVM_INTERCEPT_INVLPGA = 122,
	SVM_INTERCEPT_IO = 123,
	SVM_INTERCEPT_MSR = 124,
	SVM_INTERCEPT_SHUTDOWN = 127,
	SVM_INTERCEPT_VMRUN = 128,
	SVM_INTERCEPT_VMMCALL = 129,
	SVM_INTERCEPT_VMLOAD = 130,
	SVM_INTERCEPT_VMSAVE = 131,
	SVM_INTERCEPT_STGI = 132,
	SVM_INTERCEPT_CLGI = 133,
	SVM_INTERCEPT_SKINIT = 134,
	SVM_INTERCEPT_RDTSCP = 135,
	SVM_INTERCEPT_WBINVD = 137,
	SVM_INTERCEPT_MONITOR = 138,
	SVM_INTERCEPT_MWAIT = 139,
	SVM_INTERCEPT_XSETBV = 141,
};

#define SVM_TLB_NOTHING    0
#define SVM_TLB_FLUSH_ALL  1
#define SVM_TLB_FLUSH_ASID 3

struct svm_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
};

struct vmcb {
	uint32_t intercept[6];
	uint8_t reserved0[0x03c - 0x018];
	uint16_t pause_threshold;
	uint16_t pause_count;
	uint64_t iopm;
	uint64_t msrpm;
	uint64_t tsc_offset;
	uint32_t asid;
	uint32_t tlb_control;
	uint64_t virtual_interrupt; /* V_TPR, V_IRQ, V_IGN_TPR, V_INTR_MASKING, vector */
	uint64_t interrupt_shadow;
	uint32_t exit_code;
	uint32_t exit_code_high; /* QEMU does not sign-extend: of no use */
	uint64_t exit_info1;
	uint64_t exit_info2;
	uint64_t exit_interrupt;
	uint64_t nested_enable;
	uint8_t reserved1[0x0a8 - 0x098];
	uint64_t event_injection;
	uint64_t nested_cr3;
	uint64_t lbr_enable;
	uint32_t clean;
	uint32_t reserved_clean;
	uint64_t next_rip;
	uint8_t reserved2[0x400 - 0x0d0];
	struct svm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved3[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved4;
	uint64_t efer;
	uint8_t reserved5[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved6[0x5d8 - 0x580];
	uint64_t rsp;
	uint64_t s_cet, ssp, isst;
	uint64_t rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t cr2;
	uint8_t reserved7[0x668 - 0x648];
	uint64_t pat;
	uint64_t debugctl;
	uint8_t reserved8[0x6e0 - 0x678];
	uint64_t spec_ctrl;
	uint8_t reserved9[0x1000 - 0x6e8];
} __attribute__((packed, aligned(4096)));

_Static_assert(offsetof(struct vmcb, tlb_control) == 0x05c, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "VMCB");
_Static_assert(offsetof(struct vmcb, event_injection) == 0x0a8, "VMCB");
_Static_assert(offsetof(struct vmcb, next_rip) == 0x0c8, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "VMCB");
_Static_assert(offsetof(struct vmcb, s_cet) == 0x5e0, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(offsetof(struct vmcb, spec_ctrl) == 0x6e0, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

#define VIRTUAL_IRQ        (1ull << 8)
#define VIRTUAL_IGNORE_TPR (1ull << 20)
#define NESTED_PAGING      (1ull << 0)
#define NESTED_INVLPGB     (1ull << 7) /* INVLPGB and TLBSYNC do not raise #UD */

#define NPF_PRESENT (1ull << 0)
#define NPF_WRITE   (1ull << 1)
#define NPF_EXECUTE (1ull << 4)
#define NPF_TABLE   (1ull << 33)

#endif
