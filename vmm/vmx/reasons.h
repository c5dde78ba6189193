/* SPDX-License-Identifier: MIT */
/* Basic exit reasons (SDM vol. 3, Appendix C) and what they are to the core. */
#ifndef HADAL_VMX_REASONS_H
#define HADAL_VMX_REASONS_H

#include <hadal/abi.h>

/* Those that have more to them than the length of an instruction. */
enum {
	REASON_EXCEPTION = 0,
	REASON_INIT = 3,
	REASON_SIPI = 4,
	REASON_INTERRUPT_WINDOW = 7,
	REASON_NMI_WINDOW = 8,
	REASON_CR = 28,
	REASON_DR = 29,
	REASON_IO = 30,
	REASON_GDTR_IDTR = 46,
	REASON_LDTR_TR = 47,
	REASON_EPT_VIOLATION = 48,
	REASON_EPT_MISCONFIG = 49,
	REASON_COUNT = 128,
};

/* What to read of the VMCS beside the reason. */
enum vmx_detail {
	DETAIL_MORE,   /* the qualification and what it leads to */
	DETAIL_LENGTH, /* of the instruction; no more is needed */
};

struct vmx_reason {
	uint8_t kind;   /* enum hadal_exit_kind */
	uint8_t detail; /* enum vmx_detail */
};

/* By the low 7 bits, which all of today's reasons fit in. Those that do not come with the controls
 * that Hadal sets are HADAL_EXIT_UNKNOWN. */
extern const struct vmx_reason vmx_reasons[REASON_COUNT];

#endif
