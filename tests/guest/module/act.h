/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef HADAL_TEST_ACT_H
#define HADAL_TEST_ACT_H

struct hadal_test_act;

/* Interrupts are off. 0 or -EINVAL. */
int test_act(struct hadal_test_act *request);

#endif
