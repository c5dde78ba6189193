/* SPDX-License-Identifier: MIT */
/*
 * Starts that came to nothing: hadal.efi counts in a variable of the firmware's, the module in the
 * operating system takes it away (loader/linux/report.c). Hadal steps aside while it says three.
 */
#ifndef HADAL_LOADER_UEFI_BOOTS_H
#define HADAL_LOADER_UEFI_BOOTS_H

#include "uefi.h"

/* Whether Hadal is to start now; says why not. */
bool boots_may_start(struct efi_runtime_services *runtime);
/* It starts, or has not started after all, which is no failure of what boots. */
void boots_count(struct efi_runtime_services *runtime);
void boots_take_back(struct efi_runtime_services *runtime);

#endif
