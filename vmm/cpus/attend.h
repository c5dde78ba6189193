/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CPUS_ATTEND_H
#define HADAL_CPUS_ATTEND_H

#include "vcpu/vcpu.h"

/* Called by the vendor's exit path right before entry while vcpu->attention is not 0. */
void vcpu_attend(struct vcpu *vcpu);

#endif
