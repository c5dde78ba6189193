// SPDX-License-Identifier: MIT
/* Loading and unloading hadal.ko. */
#include "device/hypervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where `make install` and DKMS put the module, and where it lies when packaged with the kernel. */
static const char *const places[] = {"/lib/modules/%s/updates/hadal.ko",
				     "/lib/modules/%s/updates/dkms/hadal.ko",
				     "/lib/modules/%s/hadal.ko"};

static int load_error(struct hadal_error *error, int code, const char *path)
{
	switch (code) {
	case EPERM:
		return hadal_fail(error, code,
				  "The kernel does not allow loading %s: it is locked down (Secure "
				  "Boot), or this is not root",
				  path);
	case ENOEXEC:
		return hadal_fail_kind(error, code, HADAL_ERROR_NOT_INSTALLED,
				       "%s was built for another kernel", path);
	case EPROTO:
		return hadal_fail_kind(
			error, code, HADAL_ERROR_NOT_INSTALLED,
			"The hypervisor in %s is damaged, or of another version than "
			"the module itself",
			path);
	case EKEYREJECTED:
		return hadal_fail(error, code,
				  "The kernel accepts only signed modules, and %s is not signed",
				  path);
	default:
		return hadal_fail_kind(error, code, HADAL_ERROR_MODULE_REFUSED,
				       "Cannot load %s: %s", path, strerror(code));
	}
}

/* Returns 0, -ENOENT when there is no such file, or another negative errno. */
static int load_file(const char *path, struct hadal_error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : load_error(error, errno, path);
	result = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return result && result != EEXIST ? load_error(error, result, path) : 0;
}

static int load_by_modprobe(void)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (!child) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execlp("modprobe", "modprobe", "hadal", (char *)NULL);
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status ? -ENOENT : 0;
}

int hadal_module_load(struct hadal_error *error)
{
	struct utsname system;

	if (access("/dev/hadal", F_OK) == 0)
		return 0;
	if (geteuid() != 0)
		return hadal_fail_kind(error, EPERM, HADAL_ERROR_NOT_ROOT,
				       "Loading Hadal needs root");
	uname(&system);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char path[256];
		int result;

		snprintf(path, sizeof(path), places[i], system.release);
		result = load_file(path, error);
		if (result != -ENOENT)
			return result;
	}
	if (load_by_modprobe() == 0)
		return 0;
	return hadal_fail_kind(error, ENOENT, HADAL_ERROR_NOT_INSTALLED,
			       "hadal.ko is not installed for kernel %s", system.release);
}

int hadal_module_unload(struct hadal_error *error)
{
	if (syscall(SYS_delete_module, "hadal", O_NONBLOCK) == 0)
		return 0;
	switch (errno) {
	case ENOENT:
		return 0;
	case EPERM:
		return hadal_fail_kind(error, EPERM, HADAL_ERROR_NOT_ROOT,
				       "Unloading Hadal needs root");
	case EAGAIN:
	case EBUSY:
		return hadal_fail_kind(error, EBUSY, HADAL_ERROR_MODULE_IN_USE,
				       "The module is in use: programs have /dev/hadal open");
	default:
		return hadal_fail(error, errno, "Cannot unload the module: %s", strerror(errno));
	}
}
