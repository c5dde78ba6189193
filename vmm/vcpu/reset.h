/* SPDX-License-Identifier: MIT */
#ifndef HADAL_VCPU_RESET_H
#define HADAL_VCPU_RESET_H

#include "vcpu/vcpu.h"

/*
 * The guest is as after INIT and a SIPI: in real mode, at vector * 4096. A step that was under
 * way is none; what others have subscribed to is set up anew.
 */
void vcpu_start_from_sipi(struct vcpu *vcpu, uint8_t vector);

#endif
