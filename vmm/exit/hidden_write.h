/* SPDX-License-Identifier: MIT */
#ifndef HADAL_EXIT_HIDDEN_WRITE_H
#define HADAL_EXIT_HIDDEN_WRITE_H

#include "vcpu/vcpu.h"

/*
 * The instruction at RIP writes to a page that may not be written: leave the write out, so that the
 * guest finds the page unchanged, and go on as if it had been done. A string instruction goes on
 * behind the page. An instruction that the decoder does not know gets a #GP.
 */
enum verdict hidden_write_skip(struct vcpu *vcpu);

#endif
