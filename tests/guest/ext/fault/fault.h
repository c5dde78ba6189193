/* SPDX-License-Identifier: MIT */
/* How to make the image fault, for tests. */
#ifndef TESTS_GUEST_EXT_FAULT_H
#define TESTS_GUEST_EXT_FAULT_H

#include <hadal/abi.h>

/* RDI: enum fault_kind. Ring 0 only. It does not return: the guest gets a #GP. */
#define FAULT_CALL (HADAL_CALL_EXTENSION_LAST - 1)

enum fault_kind {
	FAULT_NULL_READ,
	FAULT_TEXT_WRITE,
	FAULT_STACK_OVERFLOW, /* into the guard page: a #DF, on its own stack */
	FAULT_NOT_CANONICAL,  /* #GP */
	FAULT_INVALID_OPCODE,
	FAULT_KIND_COUNT,
};

#endif
