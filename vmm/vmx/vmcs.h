/* SPDX-License-Identifier: MIT */
/* Fields of the VMCS by their encoding (SDM vol. 3, Appendix B), and their access. */
#ifndef HADAL_VMX_VMCS_H
#define HADAL_VMX_VMCS_H

#include <stdint.h>

#define VMCS_VPID              0x0000
#define VMCS_HOST_ES           0x0c00
#define VMCS_HOST_CS           0x0c02
#define VMCS_HOST_SS           0x0c04
#define VMCS_HOST_DS           0x0c06
#define VMCS_HOST_FS           0x0c08
#define VMCS_HOST_GS           0x0c0a
#define VMCS_HOST_TR           0x0c0c
#define VMCS_IO_BITMAP_A       0x2000
#define VMCS_IO_BITMAP_B       0x2002
#define VMCS_MSR_BITMAP        0x2004
#define VMCS_EXIT_MSR_LOAD     0x2008
#define VMCS_ENTRY_MSR_LOAD    0x200a
#define VMCS_EPTP              0x201a
#define VMCS_XSS_EXITING       0x202c
#define VMCS_PCONFIG_EXITING   0x203e
#define VMCS_GUEST_PHYSICAL    0x2400
#define VMCS_LINK              0x2800
#define VMCS_GUEST_DEBUGCTL    0x2802
#define VMCS_GUEST_PAT         0x2804
#define VMCS_GUEST_EFER        0x2806
#define VMCS_GUEST_RTIT_CTL    0x2814
#define VMCS_GUEST_LBR_CTL     0x2816
#define VMCS_HOST_PAT          0x2c00
#define VMCS_HOST_EFER         0x2c02
#define VMCS_PIN               0x4000
#define VMCS_PRIMARY           0x4002
#define VMCS_EXCEPTIONS        0x4004
#define VMCS_PF_MASK           0x4006
#define VMCS_PF_MATCH          0x4008
#define VMCS_CR3_TARGETS       0x400a
#define VMCS_EXIT              0x400c
#define VMCS_EXIT_MSR_STORES   0x400e
#define VMCS_EXIT_MSR_LOADS    0x4010
#define VMCS_ENTRY             0x4012
#define VMCS_ENTRY_MSR_LOADS   0x4014
#define VMCS_ENTRY_EVENT       0x4016
#define VMCS_ENTRY_ERROR       0x4018
#define VMCS_ENTRY_LENGTH      0x401a
#define VMCS_SECONDARY         0x401e
#define VMCS_ERROR             0x4400
#define VMCS_REASON            0x4402
#define VMCS_EXIT_EVENT        0x4404
#define VMCS_EXIT_ERROR        0x4406
#define VMCS_VECTORING_EVENT   0x4408
#define VMCS_VECTORING_ERROR   0x440a
#define VMCS_LENGTH            0x440c
#define VMCS_INSTRUCTION_INFO  0x440e
#define VMCS_GDTR_LIMIT        0x4810
#define VMCS_IDTR_LIMIT        0x4812
#define VMCS_INTERRUPTIBILITY  0x4824
#define VMCS_ACTIVITY          0x4826
#define VMCS_SYSENTER_CS       0x482a
#define VMCS_HOST_SYSENTER_CS  0x4c00
#define VMCS_CR0_MASK          0x6000
#define VMCS_CR4_MASK          0x6002
#define VMCS_CR0_SHADOW        0x6004
#define VMCS_CR4_SHADOW        0x6006
#define VMCS_QUALIFICATION     0x6400
#define VMCS_GUEST_LINEAR      0x640a
#define VMCS_CR0               0x6800
#define VMCS_CR3               0x6802
#define VMCS_CR4               0x6804
#define VMCS_GDTR_BASE         0x6816
#define VMCS_IDTR_BASE         0x6818
#define VMCS_DR7               0x681a
#define VMCS_RSP               0x681c
#define VMCS_RIP               0x681e
#define VMCS_RFLAGS            0x6820
#define VMCS_PENDING_DEBUG     0x6822
#define VMCS_SYSENTER_ESP      0x6824
#define VMCS_SYSENTER_EIP      0x6826
#define VMCS_HOST_CR0          0x6c00
#define VMCS_HOST_CR3          0x6c02
#define VMCS_HOST_CR4          0x6c04
#define VMCS_HOST_FS_BASE      0x6c06
#define VMCS_HOST_GS_BASE      0x6c08
#define VMCS_HOST_TR_BASE      0x6c0a
#define VMCS_HOST_GDTR_BASE    0x6c0c
#define VMCS_HOST_IDTR_BASE    0x6c0e
#define VMCS_HOST_SYSENTER_ESP 0x6c10
#define VMCS_HOST_SYSENTER_EIP 0x6c12
#define VMCS_HOST_RSP          0x6c14
#define VMCS_HOST_RIP          0x6c16

/* Of the guest's segments, in the order of enum vcpu_segment. */
#define VMCS_SELECTOR(segment) (0x0800u + 2 * (segment))
#define VMCS_LIMIT(segment)    (0x4800u + 2 * (segment))
#define VMCS_RIGHTS(segment)   (0x4814u + 2 * (segment))
#define VMCS_BASE(segment)     (0x6806u + 2 * (segment))

/* Pin-based controls (SDM 25.6.1). */
#define PIN_INTERRUPT    (1u << 0)
#define PIN_NMI          (1u << 3)
#define PIN_VIRTUAL_NMIS (1u << 5)

/* Primary processor-based controls (SDM 25.6.2). */
#define PRIMARY_INTERRUPT_WINDOW (1u << 2)
#define PRIMARY_HLT              (1u << 7)
#define PRIMARY_INVLPG           (1u << 9)
#define PRIMARY_MWAIT            (1u << 10)
#define PRIMARY_RDPMC            (1u << 11)
#define PRIMARY_RDTSC            (1u << 12)
#define PRIMARY_CR3_LOAD         (1u << 15)
#define PRIMARY_CR3_STORE        (1u << 16)
#define PRIMARY_CR8_LOAD         (1u << 19)
#define PRIMARY_CR8_STORE        (1u << 20)
#define PRIMARY_NMI_WINDOW       (1u << 22)
#define PRIMARY_MOV_DR           (1u << 23)
#define PRIMARY_IO_BITMAPS       (1u << 25)
#define PRIMARY_STEP             (1u << 27) /* monitor trap flag */
#define PRIMARY_MSR_BITMAPS      (1u << 28)
#define PRIMARY_MONITOR          (1u << 29)
#define PRIMARY_PAUSE            (1u << 30)
#define PRIMARY_SECONDARY        (1u << 31)

/* Secondary processor-based controls. */
#define SECONDARY_EPT          (1u << 1)
#define SECONDARY_DESCRIPTOR   (1u << 2)
#define SECONDARY_RDTSCP       (1u << 3) /* RDPID too */
#define SECONDARY_VPID         (1u << 5)
#define SECONDARY_WBINVD       (1u << 6)
#define SECONDARY_UNRESTRICTED (1u << 7)
#define SECONDARY_INVPCID      (1u << 12)
#define SECONDARY_CONCEAL_PT   (1u << 19)
#define SECONDARY_XSAVES       (1u << 20)
#define SECONDARY_PT_NESTED    (1u << 24) /* its addresses go through EPT */
#define SECONDARY_WAITPKG      (1u << 26)
#define SECONDARY_PCONFIG      (1u << 27)

/* VM-exit controls (SDM 25.7.1). */
#define EXIT_SAVE_DEBUG (1u << 2)
#define EXIT_HOST_64    (1u << 9)
#define EXIT_SAVE_PAT   (1u << 18)
#define EXIT_LOAD_PAT   (1u << 19)
#define EXIT_SAVE_EFER  (1u << 20)
#define EXIT_LOAD_EFER  (1u << 21)
#define EXIT_CONCEAL_PT (1u << 24)
#define EXIT_CLEAR_PT   (1u << 25)
#define EXIT_CLEAR_LBR  (1u << 26)

/* VM-entry controls (SDM 25.8.1). */
#define ENTRY_LOAD_DEBUG (1u << 2)
#define ENTRY_GUEST_64   (1u << 9)
#define ENTRY_LOAD_PAT   (1u << 14)
#define ENTRY_LOAD_EFER  (1u << 15)
#define ENTRY_CONCEAL_PT (1u << 17)
#define ENTRY_LOAD_PT    (1u << 18)
#define ENTRY_LOAD_LBR   (1u << 21)

/* Guest interruptibility state (SDM 25.4.2). */
#define BLOCKING_STI    (1u << 0)
#define BLOCKING_MOV_SS (1u << 1)
#define BLOCKING_SHADOW (BLOCKING_STI | BLOCKING_MOV_SS)
#define BLOCKING_NMI    (1u << 3)

#define ACTIVITY_ACTIVE    0
#define ACTIVITY_HLT       1
#define ACTIVITY_SHUTDOWN  2
#define ACTIVITY_WAIT_SIPI 3

/* Bit of an exit reason: the entry failed instead (SDM 27.8). */
#define REASON_ENTRY_FAILED (1u << 31)
#define REASON_BASIC        0x7fu

/* Bits of the event fields beside EVENT_* of vcpu/vcpu.h. */
#define EVENT_PRIVILEGED_SOFT_EXC (5u << 8)  /* INT1 */
#define EVENT_NMI_UNBLOCKED       (1u << 12) /* also of an EPT violation's qualification */
#define PENDING_DEBUG_BS          (1ull << 14)

/* Access of a field that exists of a VMCS that is current: neither can fail. */
static inline uint64_t vmread(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
	return value;
}

/* Straight to where it is kept. */
static inline void vmread_to(uint64_t *to, uint64_t field)
{
	__asm__ volatile("vmread %1, %0" : "=m"(*to) : "r"(field) : "cc");
}

static inline void vmwrite(uint64_t field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" ::"r"(field), "rm"(value) : "cc");
}

#endif
