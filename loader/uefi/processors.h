/* SPDX-License-Identifier: MIT */
/* All processors of the machine come under Hadal, or none. */
#ifndef HADAL_LOADER_UEFI_PROCESSORS_H
#define HADAL_LOADER_UEFI_PROCESSORS_H

#include "memory.h"

struct processors {
	struct efi_mp_services *services; /* NULL: there is one processor */
	uint64_t all, enabled;            /* the firmware has left out those that are not enabled */
	uint64_t own;                     /* the number of the one that this runs on */
};

/* False, with the reason said, when there are more than Hadal handles. */
bool processors_find(struct efi_boot_services *services, struct processors *processors);

/*
 * Hands the image's answer back when one of them refused: then none is under Hadal. *lost: some did
 * not come back, so the memory must stay.
 */
int64_t processors_enter(struct efi_boot_services *services, const struct processors *processors,
			 const struct hypervisor_memory *memory, bool *lost);

/* Calls the image on this processor, with interrupts off. */
int64_t call_image(const struct hypervisor_memory *memory, enum hadal_enter op, uint64_t root,
		   uint64_t cpu);

/* HADAL_CALL_STOP, of this processor, which is under Hadal. */
void call_stop(enum hadal_stop how);

#endif
