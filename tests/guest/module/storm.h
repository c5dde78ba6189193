/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef TESTS_GUEST_STORM_H
#define TESTS_GUEST_STORM_H

struct hadal_test_storm;

/* HADAL_TEST_STORM: 0, -EINVAL (rate), -EBUSY (there is one), -ENOMEM. */
long storm(struct hadal_test_storm *request);
/* Ends the storm if there is one. */
void storm_end(void);

#endif
