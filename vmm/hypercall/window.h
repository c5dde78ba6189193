/* SPDX-License-Identifier: MIT */
/* The memory window: HADAL_CALL_WINDOW. */
#ifndef HADAL_HYPERCALL_WINDOW_H
#define HADAL_HYPERCALL_WINDOW_H

#include "vcpu/vcpu.h"

int64_t hypercall_window(struct vcpu *vcpu);
/* While it is, no CPU may leave: on bare hardware there is no memory at its addresses. */
bool window_is_open(void);

#endif
