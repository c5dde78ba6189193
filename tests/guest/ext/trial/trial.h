/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_TRIAL_H
#define TESTS_GUEST_TRIAL_H

/*
 * Hypercall: enter the guest with registers set, leave it before its first instruction, set them
 * back. RDI: struct hadal_set_regs, guest-physical; RSI: 1 to set them unchecked. Returns what
 * setting them returned, or TRIAL_UNDONE when the processor refused to enter and they were taken
 * back.
 */
#define TRIAL_CALL   (HADAL_CALL_EXTENSION + 0x71)
#define TRIAL_UNDONE 1

#endif
