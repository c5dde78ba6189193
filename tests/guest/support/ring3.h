/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_RING3_H
#define TESTS_GUEST_RING3_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Executes VMCALL, or else VMMCALL, in ring 3 with a number in RAX: true when it raises SIGILL, as
 * without a hypervisor, and leaves the registers alone.
 */
bool ring3_is_illegal(uint64_t rax, bool vmcall);

#endif
