/* SPDX-License-Identifier: MIT */
#ifndef HADAL_EXIT_MSR_H
#define HADAL_EXIT_MSR_H

/* Intercept what the base handlers need. 0 or -ENOSPC. */
int msr_init(void);

#endif
