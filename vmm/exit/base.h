/* SPDX-License-Identifier: MIT */
/* What bare hardware would have done: the last word on an exit that no extension handled. */
#ifndef HADAL_EXIT_BASE_H
#define HADAL_EXIT_BASE_H

#include "vcpu/vcpu.h"

typedef enum verdict (*base_handler_fn)(struct vcpu *vcpu);

extern const base_handler_fn base_handler[HADAL_EXIT_KIND_COUNT];

/* What each exit kind leads to: the base handler, or extensions first for a kind that one handles.
 */
extern base_handler_fn exit_handlers[HADAL_EXIT_KIND_COUNT];

/* Hypercalls; in hypercall.c. */
enum verdict base_hypercall(struct vcpu *vcpu);
/* MSR accesses; in msr.c. */
enum verdict base_rdmsr(struct vcpu *vcpu);
enum verdict base_wrmsr(struct vcpu *vcpu);
/* Control and debug registers; in base_registers.c. */
enum verdict base_cr_read(struct vcpu *vcpu);
enum verdict base_cr_write(struct vcpu *vcpu);
enum verdict base_dr_access(struct vcpu *vcpu);
enum verdict base_xsetbv(struct vcpu *vcpu);

#endif
