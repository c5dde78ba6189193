/* SPDX-License-Identifier: MIT */
/* Single processor instructions as functions, and the bits that several files need. */
#ifndef HADAL_X86_CPU_H
#define HADAL_X86_CPU_H

#include <stdbool.h>
#include <stdint.h>
#include "base/errno.h"

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_DE      (1ull << 3)
#define CR4_PAE     (1ull << 5)
#define CR4_MCE     (1ull << 6)
#define CR4_PGE     (1ull << 7)
#define CR4_OSFXSR  (1ull << 9)
#define CR4_LA57    (1ull << 12)
#define CR4_VMXE    (1ull << 13)
#define CR4_PCIDE   (1ull << 17)
#define CR4_OSXSAVE (1ull << 18)
#define CR4_CET     (1ull << 23)
#define CR4_FRED    (1ull << 32)

#define CR3_PCID_MASK 0xfffull

#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_TF    (1ull << 8)
#define RFLAGS_IF    (1ull << 9)
#define RFLAGS_RF    (1ull << 16)
#define RFLAGS_VM    (1ull << 17)

#define DR6_BS (1ull << 14)

#define EFER_SCE  (1ull << 0)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10)
#define EFER_NXE  (1ull << 11)
#define EFER_SVME (1ull << 12)

#define VECTOR_DB  1
#define VECTOR_NMI 2
#define VECTOR_BP  3
#define VECTOR_OF  4
#define VECTOR_UD  6
#define VECTOR_DF  8
#define VECTOR_GP  13
#define VECTOR_PF  14
#define VECTOR_MC  18

#define MSR_APIC_BASE           0x1b
#define MSR_SPEC_CTRL           0x48
#define MSR_SYSENTER_CS         0x174
#define MSR_SYSENTER_ESP        0x175
#define MSR_SYSENTER_EIP        0x176
#define MSR_DEBUGCTL            0x1d9
#define MSR_MTRRCAP             0xfe
#define MSR_MTRR_BASE0          0x200
#define MSR_MTRR_DEF_TYPE       0x2ff
#define MSR_PAT                 0x277
#define MSR_S_CET               0x6a2
#define MSR_ISST                0x6a8
#define MSR_X2APIC              0x800 /* and those after it */
#define MSR_X2APIC_ICR          0x830
#define MSR_X2APIC_LVT_COUNTERS 0x834
#define MSR_EFER                0xc0000080
#define MSR_STAR                0xc0000081
#define MSR_LSTAR               0xc0000082
#define MSR_CSTAR               0xc0000083
#define MSR_SFMASK              0xc0000084
#define MSR_FS_BASE             0xc0000100
#define MSR_GS_BASE             0xc0000101
#define MSR_KERNEL_GS_BASE      0xc0000102
#define MSR_TSC_AUX             0xc0000103

#define DEBUGCTL_BTF (1ull << 1)

struct cpuid_result {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_result r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

/* "Genu", of GenuineIntel. */
static inline bool cpu_is_intel(void)
{
	return cpuid(0, 0).ebx == 0x756e6547;
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

/*
 * Marks the instruction at label 1 as one that may fault: the fault handler then goes on at label
 * 3, which sets the operand named err and returns to label 2.
 */
#define FIXUP                                \
	"2:\n"                               \
	".pushsection .text.fixup, \"ax\"\n" \
	"3: movl %[fault], %[err]\n"         \
	"jmp 2b\n"                           \
	".popsection\n"                      \
	".pushsection .fixup_table, \"a\"\n" \
	".quad 1b, 3b\n"                     \
	".popsection\n"

/* 0, or -EIO when the processor refuses the MSR. */
static inline int rdmsr_safe(uint32_t msr, uint64_t *value)
{
	uint32_t low = 0, high = 0;
	int err = 0;

	__asm__ volatile("1: rdmsr\n" FIXUP
			 : "+a"(low), "+d"(high), [err] "+r"(err)
			 : "c"(msr), [fault] "i"(-EIO));
	*value = (uint64_t)high << 32 | low;
	return err;
}

static inline int wrmsr_safe(uint32_t msr, uint64_t value)
{
	int err = 0;

	__asm__ volatile("1: wrmsr\n" FIXUP
			 : [err] "+r"(err)
			 : "c"(msr), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32)), [fault] "i"(-EIO)
			 : "memory");
	return err;
}

static inline int xsetbv_safe(uint32_t index, uint64_t value)
{
	int err = 0;

	__asm__ volatile("1: xsetbv\n" FIXUP
			 : [err] "+r"(err)
			 : "c"(index), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32)), [fault] "i"(-EIO)
			 : "memory");
	return err;
}

static inline int rdpmc_safe(uint32_t counter, uint64_t *value)
{
	uint32_t low = 0, high = 0;
	int err = 0;

	__asm__ volatile("1: rdpmc\n" FIXUP
			 : "+a"(low), "+d"(high), [err] "+r"(err)
			 : "c"(counter), [fault] "i"(-EIO));
	*value = (uint64_t)high << 32 | low;
	return err;
}

static inline uint64_t xgetbv(uint32_t index)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return (uint64_t)high << 32 | low;
}

#define CR_ACCESS(n)                                                         \
	static inline uint64_t read_cr##n(void)                              \
	{                                                                    \
		uint64_t value;                                              \
		__asm__ volatile("mov %%cr" #n ", %0" : "=r"(value));        \
		return value;                                                \
	}                                                                    \
	static inline void write_cr##n(uint64_t value)                       \
	{                                                                    \
		__asm__ volatile("mov %0, %%cr" #n ::"r"(value) : "memory"); \
	}
CR_ACCESS(0)
CR_ACCESS(2)
CR_ACCESS(3)
CR_ACCESS(4)
CR_ACCESS(8)
#undef CR_ACCESS

#define DR_ACCESS(n)                                                  \
	static inline uint64_t read_dr##n(void)                       \
	{                                                             \
		uint64_t value;                                       \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(value)); \
		return value;                                         \
	}                                                             \
	static inline void write_dr##n(uint64_t value)                \
	{                                                             \
		__asm__ volatile("mov %0, %%dr" #n ::"r"(value));     \
	}
DR_ACCESS(0)
DR_ACCESS(1)
DR_ACCESS(2)
DR_ACCESS(3)
DR_ACCESS(6)
DR_ACCESS(7)
#undef DR_ACCESS

static inline void invlpg(uint64_t address)
{
	__asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

static inline void wbinvd(void)
{
	__asm__ volatile("wbinvd" ::: "memory");
}

static inline void cpu_pause(void)
{
	__asm__ volatile("pause");
}

static inline uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

#define PORT_ACCESS(suffix, type)                                                    \
	static inline type in##suffix(uint16_t port)                                 \
	{                                                                            \
		type value;                                                          \
		__asm__ volatile("in" #suffix " %1, %0" : "=a"(value) : "Nd"(port)); \
		return value;                                                        \
	}                                                                            \
	static inline void out##suffix(uint16_t port, type value)                    \
	{                                                                            \
		__asm__ volatile("out" #suffix " %0, %1" ::"a"(value), "Nd"(port));  \
	}
PORT_ACCESS(b, uint8_t)
PORT_ACCESS(w, uint16_t)
PORT_ACCESS(l, uint32_t)
#undef PORT_ACCESS

static inline bool is_canonical(uint64_t address, bool five_levels)
{
	unsigned shift = five_levels ? 7 : 16;

	return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

/* 4 or 5: the levels of the page tables in use. */
static inline unsigned paging_levels(uint64_t cr4)
{
	return cr4 & CR4_LA57 ? 5 : 4;
}

#endif
