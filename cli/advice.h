/* SPDX-License-Identifier: MIT */
/* What a person can do about a failure, with this command. */
#ifndef HADAL_CLI_ADVICE_H
#define HADAL_CLI_ADVICE_H

#include "error.h"

/* A sentence without its full stop, or NULL when there is nothing to advise. */
const char *advice_on(enum hadal_error_kind kind);

#endif
