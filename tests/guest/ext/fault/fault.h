/* SPDX-License-Identifier: MIT */
/* How to make the image fault, for tests. */
#ifndef TESTS_GUEST_EXT_FAULT_H
#define TESTS_GUEST_EXT_FAULT_H

#include <hadal/abi.h>

/* RDI: enum fault_kind. Ring 0 only. It does not return: the guest gets a #GP. */
#define FAULT_CALL (HADAL_CALL_EXTENSION_LAST - 1)

/* RDI: enum fault_plant, RSI: its argument. Ring 0 only. 0, or -EINVAL. */
#define FAULT_PLANT_CALL (HADAL_CALL_EXTENSION_LAST - 2)

enum fault_kind {
	FAULT_NULL_READ,
	FAULT_TEXT_WRITE,
	FAULT_STACK_OVERFLOW, /* into the guard page: a #DF, on its own stack */
	FAULT_NOT_CANONICAL,  /* #GP */
	FAULT_INVALID_OPCODE,
	FAULT_KIND_COUNT,
};

/* Faults that come later, once each. */
enum fault_plant {
	FAULT_UNDER_LOCK, /* now, with the lock taken that has the number RSI; the guest gets a #GP
			   */
	FAULT_LOCK_COUNT, /* RAX: how many there are; RSI: only those whose data may be half changed
			   */
	FAULT_IN_FLUSH,   /* when the CPU flushes that has the number RSI; FAULT_ANY_CPU: the next
			     one, as for all below */
	FAULT_IN_START,   /* in the vendor's start of a CPU */
	FAULT_IN_EXTENSION,   /* in an extension's, when VT-x or SVM is on */
	FAULT_IN_ENTRY,       /* right before a CPU enters its guest */
	FAULT_IN_PARTING,     /* when a CPU that stops serves requests for the last time */
	FAULT_IN_ENDING,      /* when its extensions are told */
	FAULT_IN_TURNING_OFF, /* while VT-x or SVM is turned off: the machine is reset */
	FAULT_ON_STACK, /* an interrupt RSI on a stack that is none: 2 (NMI) or 18 (#MC); now */
	/* No fault: what may say so says that the CPU cannot start. */
	FAULT_REFUSED_START,
	FAULT_REFUSED_EXTENSION,
	FAULT_REFUSED_ENTRY,
	FAULT_AT_ENTRY, /* with the guest's registers loaded; now, on SVM alone: else -EOPNOTSUPP.
			   The guest gets a #GP */
	FAULT_PLANT_COUNT,
};

#define FAULT_ANY_CPU (~0ull)

/* What the loader of the tests leaves in hadal_boot.pool[0].reserved, for a start: not 0. */
#define FAULT_BOOT_PLANT(value) ((value) >> 16)
#define FAULT_BOOT_CPU(value)   ((value)&0xffff)

#endif
