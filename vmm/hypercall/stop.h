/* SPDX-License-Identifier: MIT */
#ifndef HADAL_HYPERCALL_STOP_H
#define HADAL_HYPERCALL_STOP_H

#include "vcpu/vcpu.h"

int64_t hypercall_stop(struct vcpu *vcpu);

#endif
