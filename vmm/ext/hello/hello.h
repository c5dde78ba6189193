/* SPDX-License-Identifier: MIT */
/* How to ask the hello extension. */
#ifndef HADAL_EXT_HELLO_HELLO_H
#define HADAL_EXT_HELLO_HELLO_H

#include <hadal/abi.h>

/* RDI: any number. Returns it plus one; RSI = how often this vCPU has asked. Ring 0 only. */
#define HELLO_CALL (HADAL_CALL_EXTENSION + 1)

#endif
