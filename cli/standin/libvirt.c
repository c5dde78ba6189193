// SPDX-License-Identifier: MIT
/* What LibVMI's KVM driver calls of libvirt, as if this machine were the one virtual machine. */
#include "standin.h"

#include <stdio.h>
#include <string.h>

/* LibVMI looks at none of the objects. */
static char connection, domain;

/* LibVMI takes the address of this. */
EXPORTED const void *virConnectAuthPtrDefault = &connection;

EXPORTED void *virConnectOpenAuth(const char *name, const void *auth, unsigned int flags);
EXPORTED int virConnectGetLibVersion(void *opened, unsigned long *version);
EXPORTED int virConnectClose(void *opened);
EXPORTED void *virDomainLookupByName(void *opened, const char *name);
EXPORTED void *virDomainLookupByID(void *opened, int id);
EXPORTED const char *virDomainGetName(void *found);
EXPORTED unsigned int virDomainGetID(void *found);
EXPORTED int virDomainFree(void *found);
EXPORTED int virDomainGetInfo(void *found, void *info);
EXPORTED int virDomainSuspend(void *found);
EXPORTED int virDomainResume(void *found);
EXPORTED int virDomainQemuMonitorCommand(void *found, const char *command, char **result,
					 unsigned int flags);

static int refuse(const char *name)
{
	fprintf(stderr,
		"hadal: %s() of libvirt is not there: this machine is no virtual machine, and "
		"LibVMI's KVM driver has no need of it\n",
		name);
	return -1;
}

void *virConnectOpenAuth(const char *name, const void *auth, unsigned int flags)
{
	(void)auth;
	(void)flags;
	if (!name || !strcmp(name, "qemu:///system"))
		return &connection;
	fprintf(stderr, "hadal: there is no libvirt at '%s', only this machine at qemu:///system\n",
		name);
	return NULL;
}

/* As if it were 1.0.0. */
int virConnectGetLibVersion(void *opened, unsigned long *version)
{
	(void)opened;
	*version = 1000000;
	return 0;
}

int virConnectClose(void *opened)
{
	(void)opened;
	return 0;
}

/* LibVMI asks for the names of files, too: others are no reason for words. */
void *virDomainLookupByName(void *opened, const char *name)
{
	(void)opened;
	return strcmp(name, STANDIN_NAME) ? NULL : &domain;
}

void *virDomainLookupByID(void *opened, int id)
{
	(void)opened;
	return id == STANDIN_ID ? &domain : NULL;
}

const char *virDomainGetName(void *found)
{
	(void)found;
	return STANDIN_NAME;
}

unsigned int virDomainGetID(void *found)
{
	(void)found;
	return STANDIN_ID;
}

int virDomainFree(void *found)
{
	(void)found;
	return 0;
}

/* LibVMI wants to find the others as well, but only its driver for patched QEMUs calls them. */

int virDomainGetInfo(void *found, void *info)
{
	(void)found;
	(void)info;
	return refuse("virDomainGetInfo");
}

int virDomainSuspend(void *found)
{
	(void)found;
	return refuse("virDomainSuspend");
}

int virDomainResume(void *found)
{
	(void)found;
	return refuse("virDomainResume");
}

int virDomainQemuMonitorCommand(void *found, const char *command, char **result, unsigned int flags)
{
	(void)found;
	(void)command;
	(void)result;
	(void)flags;
	return refuse("virDomainQemuMonitorCommand");
}
