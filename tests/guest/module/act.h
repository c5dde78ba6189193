/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef HADAL_TEST_ACT_H
#define HADAL_TEST_ACT_H

#include <linux/linkage.h>
#include <linux/types.h>

struct hadal_test_act;
struct hadal_test_registers;

/* execute.S: the hypercall's instruction with these registers; true when it faulted. */
asmlinkage bool execute_vmcall(struct hadal_test_registers *registers);
asmlinkage bool execute_vmmcall(struct hadal_test_registers *registers);

/* Interrupts are off. 0 or -EINVAL. */
int test_act(struct hadal_test_act *request);

#endif
