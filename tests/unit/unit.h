/* SPDX-License-Identifier: MIT */
#ifndef HADAL_TESTS_UNIT_H
#define HADAL_TESTS_UNIT_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
