/* SPDX-License-Identifier: MIT */
/*
 * The core's part of an exit, between the vendor's decode and encode. In a header so that each
 * vendor's exit function has it inlined: every instruction here is paid on every exit.
 */
#ifndef HADAL_EXIT_DISPATCH_H
#define HADAL_EXIT_DISPATCH_H

#include "exit/base.h"
#include "x86/cpu.h"

/* RIP wraps at 4 GiB outside of 64-bit mode: whether this does is found out only near there. */
#define NEAR_4G (0xffffffffu - 15)

/* TF was set when an instruction was emulated. */
void vcpu_step_done(struct vcpu *vcpu);
void vcpu_advance_near_4g(struct vcpu *vcpu);

/* The one place where RIP moves. clear_shadow: the vendor's own, by its name. */
static inline __attribute__((always_inline)) void
vcpu_advance_rip(struct vcpu *vcpu, void (*clear_shadow)(struct vcpu *vcpu))
{
	if (__builtin_expect((uint32_t)vcpu->rip > NEAR_4G, 0))
		vcpu_advance_near_4g(vcpu);
	else
		vcpu->rip += vcpu->exit.length;
	clear_shadow(vcpu);
	if (__builtin_expect(vcpu->rflags & RFLAGS_TF, 0))
		vcpu_step_done(vcpu);
}

static inline __attribute__((always_inline)) void
vcpu_dispatch(struct vcpu *vcpu, void (*clear_shadow)(struct vcpu *vcpu))
{
	enum hadal_exit_kind kind = vcpu->exit.kind;

	vcpu->stats.exits[kind]++;
	if (exit_handlers[kind](vcpu) == VERDICT_DONE)
		vcpu_advance_rip(vcpu, clear_shadow);
}

#endif
