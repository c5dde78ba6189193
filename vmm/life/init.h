/* SPDX-License-Identifier: MIT */
/* How the image starts on the machine and on each CPU. */
#ifndef HADAL_LIFE_INIT_H
#define HADAL_LIFE_INIT_H

#include "vcpu/vcpu.h"

/* Called by the entry assembly with the loader's registers in vcpu->regs; see hadal/boot.h. */
_Noreturn void image_main(struct vcpu *vcpu);

#endif
