// SPDX-License-Identifier: MIT
/* The counter of starts that nobody has reported back from, and the wish to be left out once. */
#include <hadal/boot.h>

#include "boots.h"
#include "print.h"

#define KEPT   1u /* attributes of a variable: it outlives a reset, */
#define BOOT   2u /* is there before the operating system, */
#define SYSTEM 4u /* and in it */

#define GUID(a, b, c, ...)          \
	{                           \
		a, b, c,            \
		{                   \
			__VA_ARGS__ \
		}                   \
	}
static const struct efi_guid own = HADAL_EFI_GUID(GUID);
static uint16_t attempts_name[] = HADAL_EFI_ATTEMPTS;
static uint16_t skip_name[] = HADAL_EFI_SKIP;

/* 0: there is none, or nobody can tell. */
static uint8_t attempts(struct efi_runtime_services *runtime)
{
	uint64_t bytes = 1;
	uint8_t value = 0;

	if (runtime->get_variable(attempts_name, &own, NULL, &bytes, &value))
		return 0;
	return value;
}

static void set_attempts(struct efi_runtime_services *runtime, uint8_t value)
{
	runtime->set_variable(attempts_name, &own, KEPT | BOOT | SYSTEM, value ? 1 : 0, &value);
}

/* Whatever it holds; it is for one time, and whoever cannot be forgotten would be for all. */
static bool takes_skip(struct efi_runtime_services *runtime)
{
	uint64_t bytes = 0;
	efi_status status = runtime->get_variable(skip_name, &own, NULL, &bytes, NULL);

	if (status && status != EFI_BUFFER_TOO_SMALL)
		return false;
	return !runtime->set_variable(skip_name, &own, KEPT | BOOT | SYSTEM, 0, NULL);
}

bool boots_may_start(struct efi_runtime_services *runtime)
{
	if (takes_skip(runtime)) {
		say("left out this time, as the variable HadalSkip says");
		return false;
	}
	if (attempts(runtime) < HADAL_EFI_ATTEMPTS_MAX)
		return true;
	say("stepping aside: after %u starts no system has reported back",
	    (uint64_t)HADAL_EFI_ATTEMPTS_MAX);
	say("to try again, delete the variable HadalAttempts");
	return false;
}

void boots_count(struct efi_runtime_services *runtime)
{
	set_attempts(runtime, attempts(runtime) + 1);
}

void boots_take_back(struct efi_runtime_services *runtime)
{
	uint8_t value = attempts(runtime);

	if (value)
		set_attempts(runtime, value - 1);
}
