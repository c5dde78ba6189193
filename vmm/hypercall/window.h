/* SPDX-License-Identifier: MIT */
/* The memory window: HADAL_CALL_WINDOW. */
#ifndef HADAL_HYPERCALL_WINDOW_H
#define HADAL_HYPERCALL_WINDOW_H

#include "vcpu/vcpu.h"

int64_t hypercall_window(struct vcpu *vcpu);
/* While it is, no CPU may leave: on bare hardware there is no memory at its addresses. */
bool window_is_open(void);
/*
 * Before [start, end) becomes RAM: what of it is not RAM yet appears in the window too, if it is
 * open and reaches as far. Under nested_lock. 0, -ENOMEM (a part may have appeared).
 */
int window_show_new(uint64_t start, uint64_t end);

#endif
