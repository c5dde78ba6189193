/* SPDX-License-Identifier: MIT */
/* Registers as KVM's interfaces have them. */
#ifndef HADAL_LIB_KVMI_REGISTERS_H
#define HADAL_LIB_KVMI_REGISTERS_H

#include <stdbool.h>

#include <hadal/abi.h>

#include "kvmi/protocol.h"

/* Bytes of an address in the mode that the CPU is in: 2, 4 or 8. */
unsigned int kvmi_mode(const struct hadal_regs *from);
void kvmi_regs_of(const struct hadal_regs *from, struct kvm_regs *to);
/* apic_base and interrupt_bitmap, which are not known, are 0. */
void kvmi_sregs_of(const struct hadal_regs *from, struct kvm_sregs *to);
/* false when struct hadal_regs has no such MSR. */
bool kvmi_msr_of(const struct hadal_regs *from, uint32_t msr, uint64_t *value);
/* The general registers, RIP and RFLAGS. */
void kvmi_set_of(const struct kvm_regs *from, struct hadal_set_regs *to);
/* Which of these differ: bit n for enum hadal_reg n. */
uint64_t kvmi_changes(const struct kvm_regs *before, const struct kvm_regs *after);

/* An event of one vCPU, of these registers. */
void kvmi_event_of(const struct hadal_regs *from, unsigned int vcpu, unsigned int event,
		   struct kvmi_event *to);

#endif
