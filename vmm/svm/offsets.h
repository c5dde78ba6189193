/* SPDX-License-Identifier: MIT */
/* Where entry.S finds members of struct vcpu; exit.c checks them. */
#ifndef HADAL_SVM_OFFSETS_H
#define HADAL_SVM_OFFSETS_H

#define VCPU_ARCH_DATA 144
#define VCPU_VMCB_RAX  0x95f8 /* in the guest's VMCB, from the vCPU on */

#endif
