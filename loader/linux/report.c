// SPDX-License-Identifier: MIT OR GPL-2.0
/* This system has come up on a Hadal that was there before it: hadal.efi is told so. */
#include <linux/efi.h>

#include "loader.h"

void report_missing(void)
{
#ifdef CONFIG_EFI
	static efi_char16_t name[] = HADAL_EFI_ATTEMPTS;
	efi_guid_t own = HADAL_EFI_GUID(EFI_GUID);
	unsigned long bytes = 1;
	u8 attempts = 0;

	if (efi_enabled(EFI_RUNTIME_SERVICES) &&
	    efi.get_variable(name, &own, NULL, &bytes, &attempts) == EFI_SUCCESS &&
	    attempts >= HADAL_EFI_ATTEMPTS_MAX)
		pr_warn("hadal: hadal.efi has stepped aside, for after %u starts no system had "
			"reported back; to try again, delete the firmware's variable "
			"HadalAttempts\n",
			attempts);
#endif
}

void report_back(void)
{
#ifdef CONFIG_EFI
	static efi_char16_t name[] = HADAL_EFI_ATTEMPTS;
	efi_guid_t own = HADAL_EFI_GUID(EFI_GUID);
	efi_status_t status;

	if (!efi_enabled(EFI_RUNTIME_SERVICES)) {
		pr_warn("hadal: no EFI runtime services: hadal.efi takes this boot for one that "
			"failed\n");
		return;
	}
	status = efi.set_variable(name, &own, 0, 0, NULL);
	if (status != EFI_SUCCESS && status != EFI_NOT_FOUND)
		pr_warn("hadal: the firmware keeps the count of failed boots: error %lx\n", status);
#endif
}
