/* SPDX-License-Identifier: MIT */
#ifndef HADAL_EXIT_MSR_H
#define HADAL_EXIT_MSR_H

#include <stdint.h>
#include "paging/mtrr.h"

/* Intercept what the base handlers need. 0 or -ENOSPC. */
int msr_init(void);

/* The processor's MTRRs as they are now. */
void mtrr_read(struct mtrr_state *mtrr, uint8_t physical_bits);

#endif
