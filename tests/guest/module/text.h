/* SPDX-License-Identifier: MIT OR GPL-2.0 */
#ifndef HADAL_TEST_TEXT_H
#define HADAL_TEST_TEXT_H

struct hadal_test_text;

/* 0, or a negative errno. */
long test_text(struct hadal_test_text *request);

#endif
