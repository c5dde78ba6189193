// SPDX-License-Identifier: MIT
/* What LibVMI has to know of the kernel, for programs that want it. */
#include "exec_profiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "profile/profile.h"
#include "standin/standin.h"

#define PATH_BYTES 64

static int fail_to_write(const char *path, struct hadal_error *error)
{
	return hadal_fail(error, errno, "Cannot write %s: %s", path, strerror(errno));
}

static int write_map(struct hadal_kernel *kernel, const char *unused, FILE *out,
		     struct hadal_error *error)
{
	(void)unused;
	return hadal_profile_system_map(kernel, out, error);
}

static int write_config(struct hadal_kernel *kernel, const char *map, FILE *out,
			struct hadal_error *error)
{
	return hadal_profile_libvmi(kernel, STANDIN_NAME, map, out, error);
}

static int write_profile(const char *path, struct hadal_kernel *kernel, const char *map,
			 int (*writer)(struct hadal_kernel *, const char *, FILE *,
				       struct hadal_error *),
			 struct hadal_error *error)
{
	FILE *out = fopen(path, "w");
	int result;
	bool lost;

	if (!out)
		return fail_to_write(path, error);
	result = writer(kernel, map, out, error);
	lost = ferror(out);
	if ((fclose(out) || lost) && !result)
		result = fail_to_write(path, error);
	return result;
}

static int write_profiles(struct hadal_kernel *kernel, void *data, struct hadal_error *error)
{
	const char *directory = data;
	char map[PATH_BYTES], config[PATH_BYTES];
	int result;

	snprintf(map, sizeof(map), "%s/System.map", directory);
	snprintf(config, sizeof(config), "%s/new", directory);
	result = write_profile(map, kernel, NULL, write_map, error);
	return result ? result : write_profile(config, kernel, map, write_config, error);
}

/* Whoever wants it waits for the name, so the name comes last. */
int exec_profiles_write(const char *directory)
{
	char made[PATH_BYTES], config[PATH_BYTES];
	int code = cli_kernel_run(NULL, write_profiles, (void *)directory);
	FILE *empty;

	snprintf(made, sizeof(made), "%s/new", directory);
	snprintf(config, sizeof(config), "%s/%s", directory, STANDIN_CONFIG_NAME);
	if (code != CLI_OK) {
		empty = fopen(made, "w");
		if (empty)
			fclose(empty);
	}
	rename(made, config);
	return code;
}
