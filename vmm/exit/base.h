/* SPDX-License-Identifier: MIT */
/* What bare hardware would have done: the last word on an exit that no extension handled. */
#ifndef HADAL_EXIT_BASE_H
#define HADAL_EXIT_BASE_H

#include "extension/handlers.h"

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
/* Ports but for strings; in base_registers.c. */
enum verdict base_io(struct vcpu *vcpu);

#endif
