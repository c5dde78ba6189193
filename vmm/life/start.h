/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIFE_START_H
#define HADAL_LIFE_START_H

#include "vcpu/vcpu.h"

/* Load the image's own descriptors: from here on NMIs come to the image's handler. */
void start_take_over(struct vcpu *vcpu);

/* Whether start_cpu() would do, as far as the vendor can tell before: 0 or its error. */
int start_check(struct vcpu *vcpu);

/* Make the guest of the system that called. Returns on failure only, with a negative errno. */
int start_cpu(struct vcpu *vcpu);

#endif
