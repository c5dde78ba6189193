/* SPDX-License-Identifier: MIT */
#ifndef TESTS_GUEST_SINGLE_STEP_H
#define TESTS_GUEST_SINGLE_STEP_H

/*
 * Hypercall: the next RDI instructions of this CPU, at most STEPS_MAX, exit one by one. 0;
 * -EOPNOTSUPP when the processor has no exit for that.
 */
#define STEP_CALL (HADAL_CALL_EXTENSION + 0x72)
#define STEPS_MAX 8
/*
 * Hypercall: where the instruction after step RDI of this CPU was, counted from behind the one that
 * asked for the steps; -ENOENT when there was no such step.
 */
#define STEP_PLACE_CALL (HADAL_CALL_EXTENSION + 0x73)

#endif
