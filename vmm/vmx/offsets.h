/* SPDX-License-Identifier: MIT */
/* Where entry.S finds members of struct vcpu; exit.c checks them. */
#ifndef HADAL_VMX_OFFSETS_H
#define HADAL_VMX_OFFSETS_H

#define VCPU_ATTENTION  320
#define VCPU_UNUSED_RSP 32

#endif
