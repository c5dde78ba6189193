/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LOADER_UEFI_MEASURE_H
#define HADAL_LOADER_UEFI_MEASURE_H

#include <hadal/abi.h>

#include "uefi.h"

/*
 * Extends the TPM's register 8 by the hash of the image, with an event of type EV_IPL and text
 * "hadal" in the firmware's log. Says what has come of it, and fills first->measured*.
 */
void measure(struct efi_boot_services *services, const uint8_t *image, uint64_t bytes,
	     struct hadal_first *first);

#endif
