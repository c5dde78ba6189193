// SPDX-License-Identifier: MIT
/* What a processor's SVM can do, and the bits of CR4 and EFER that it has. */
#include "base/bits.h"
#include "x86/cpu.h"
#include "svm/svm.h"

#define CPUID_SVM            (1u << 2) /* 0x80000001 ECX */
#define CPUID_NESTED_PAGING  (1u << 0) /* 0x8000000a EDX */
#define CPUID_NEXT_RIP       (1u << 3)
#define CPUID_FLUSH_BY_ASID  (1u << 6)
#define CPUID_DECODE_ASSISTS (1u << 7)
#define CPUID_SPEC_CTRL      (1u << 20)
#define CPUID_INVLPGB        (1u << 3) /* 0x80000008 EBX */
#define CPUID_SHADOW_STACK   (1u << 7) /* 7 ECX */

struct svm_caps svm_caps;

const char *svm_caps_read(void)
{
	uint32_t edx;

	if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & CPUID_SVM))
		return "this processor has no SVM";
	edx = cpuid(0x8000000a, 0).edx;
	if (!(edx & CPUID_NESTED_PAGING))
		return "this processor's SVM has no nested paging";
	svm_caps = (struct svm_caps){
		.next_rip = edx & CPUID_NEXT_RIP,
		.decode_assists = edx & CPUID_DECODE_ASSISTS,
		.flush = edx & CPUID_FLUSH_BY_ASID ? SVM_TLB_FLUSH_ASID : SVM_TLB_FLUSH_ALL,
		.invlpgb = cpuid(0x80000008, 0).ebx & CPUID_INVLPGB,
		.spec_ctrl = edx & CPUID_SPEC_CTRL,
		.shadow_stack = cpuid(0, 0).eax >= 7 && (cpuid(7, 0).ecx & CPUID_SHADOW_STACK),
	};
	return NULL;
}

/* A bit of the register, and the bit of CPUID that tells of it. */
struct feature {
	uint64_t bits;
	uint32_t leaf;
	enum { EAX, EBX, ECX, EDX } word;
	uint8_t bit;
};

/* APM vol. 2, 3.1.3 */
static const struct feature cr4_features[] = {
	{BIT(0) | BIT(1), 1, EDX, 1}, /* VME, PVI */
	{BIT(2), 1, EDX, 4},          /* TSD */
	{BIT(3), 1, EDX, 2},          /* DE */
	{BIT(4), 1, EDX, 3},          /* PSE */
	{BIT(5), 1, EDX, 6},          /* PAE */
	{BIT(6), 1, EDX, 7},          /* MCE */
	{BIT(7), 1, EDX, 13},         /* PGE */
	{BIT(8), 1, EDX, 5},          /* PCE: with MSRs */
	{BIT(9), 1, EDX, 24},         /* OSFXSR */
	{BIT(10), 1, EDX, 25},        /* OSXMMEXCPT */
	{BIT(11), 7, ECX, 2},         /* UMIP */
	{BIT(12), 7, ECX, 16},        /* LA57 */
	{BIT(16), 7, EBX, 0},         /* FSGSBASE */
	{BIT(17), 1, ECX, 17},        /* PCIDE */
	{BIT(18), 1, ECX, 26},        /* OSXSAVE */
	{BIT(20), 7, EBX, 7},         /* SMEP */
	{BIT(21), 7, EBX, 20},        /* SMAP */
	{BIT(22), 7, ECX, 3},         /* PKE */
	{BIT(23), 7, ECX, 7},         /* CET */
};

/* APM vol. 2, 3.1.7; SVME is not the guest's. */
static const struct feature efer_features[] = {
	{BIT(0), 0x80000001, EDX, 11},              /* SCE */
	{EFER_LME | EFER_LMA, 0x80000001, EDX, 29}, /* long mode */
	{EFER_NXE, 0x80000001, EDX, 20},
	{BIT(14), 0x80000001, EDX, 25}, /* FFXSR */
	{BIT(15), 0x80000001, ECX, 17}, /* TCE */
	{BIT(17), 0x80000008, EBX, 8},  /* MCOMMIT */
	{BIT(18), 0x80000008, EBX, 13}, /* INTWB */
	{BIT(20), 0x80000021, EAX, 7},  /* UAIE */
	{BIT(21), 0x80000021, EAX, 8},  /* AIBRSE */
};

static uint64_t allowed(const struct feature *features, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t leaf = features[i].leaf;
		struct cpuid_result r;

		if (cpuid(leaf & 0x80000000, 0).eax < leaf)
			continue;
		r = cpuid(leaf, 0);
		if ((&r.eax)[features[i].word] >> features[i].bit & 1)
			bits |= features[i].bits;
	}
	return bits;
}

/* An entry refuses all other bits (APM 15.5.1). */
uint64_t svm_cr4_allowed(struct vcpu *vcpu)
{
	(void)vcpu;
	return allowed(cr4_features, ARRAY_LEN(cr4_features));
}

uint64_t svm_efer_allowed(void)
{
	return allowed(efer_features, ARRAY_LEN(efer_features));
}
