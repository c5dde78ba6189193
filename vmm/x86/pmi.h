/* SPDX-License-Identifier: MIT */
/* Interrupts of performance counters, which systems take as NMIs: one can merge with a kick. */
#ifndef HADAL_X86_PMI_H
#define HADAL_X86_PMI_H

#include <stdbool.h>

/* Once: how this machine's processors tell. */
void pmi_init(void);

/* A counter of this CPU has overflowed, its NMI was sent, and nobody has seen to it yet. */
bool pmi_waits(void);

#endif
