/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LOADER_UEFI_CHAIN_H
#define HADAL_LOADER_UEFI_CHAIN_H

#include "options.h"

/* EFI_LOADED_IMAGE_PROTOCOL_GUID */
extern const struct efi_guid loaded_image;

/* The name of the file that a program was loaded from; empty when it was from none. */
struct name file_name(const struct efi_loaded_image *program);

/*
 * Starts the program that the load options name, of the volume that this one came from, with what
 * follows its name as its own options. Returns only when there is none or it has failed: an error,
 * after which the firmware goes on with its next boot entry.
 */
efi_status chain(efi_handle self, struct efi_boot_services *services,
		 const struct efi_loaded_image *own, const struct options *options);

#endif
