// SPDX-License-Identifier: MIT
/* The library's version, for those who do not link with it but load it. */
#include "version.h"

const char *hadal_library_version(void)
{
	return HADAL_LIBRARY_VERSION;
}
