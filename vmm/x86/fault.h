/* SPDX-License-Identifier: MIT */
#ifndef HADAL_X86_FAULT_H
#define HADAL_X86_FAULT_H

#include <stdint.h>
#include "vcpu/vcpu.h"

/* The stack of a fault inside the image. */
struct fault_frame {
	struct gprs regs;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * A stretch of code that must not be gone through when an NMI hits it: the NMI handler sends it to
 * `restart`. Tables in section .restart_table.
 */
struct restart_range {
	uint64_t start, end, restart;
};

/* The vCPU whose memory the current stack lies in. */
struct vcpu *this_vcpu(void);

/* The vCPU that INIT runs on, before there is memory for the real ones. */
extern struct vcpu init_vcpu;

#endif
