// SPDX-License-Identifier: MIT
/* Loaded before a program's other libraries, it makes /dev/hadal one of another version. */
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <hadal/ioctl.h>

#define OTHER_VERSION (HADAL_ABI_VERSION + 1)

int ioctl(int fd, unsigned long command, ...)
{
	uint32_t *version;
	va_list arguments;
	int result;

	va_start(arguments, command);
	version = va_arg(arguments, uint32_t *);
	va_end(arguments);
	if (_IOC_TYPE(command) != 'H')
		return syscall(SYS_ioctl, fd, command, version);
	if (command != HADAL_IOC_STATE && *version != OTHER_VERSION) {
		errno = EPROTO;
		return -1;
	}
	*version = HADAL_ABI_VERSION;
	result = syscall(SYS_ioctl, fd, command, version);
	*version = OTHER_VERSION;
	return result;
}
