/* SPDX-License-Identifier: MIT */
#ifndef HADAL_X86_RESET_H
#define HADAL_X86_RESET_H

struct vcpu;

/* Reset the machine as a triple fault does. Does not return. */
void machine_reset(struct vcpu *vcpu);

#endif
