// SPDX-License-Identifier: MIT
/* What a program of LibVMI's KVM driver needs, in a directory of its own. */
#include "exec_events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "exec_serve.h"
#include "kvmi_serve.h"
#include "standin/standin.h"

#define LIBRARY "libvirt.so"

/* cli/standin/image.S */
extern const char standin_image[], standin_image_end[];

/* Where the files are: the longest name fits behind the directory's. */
struct place {
	char directory[sizeof("/run/hadal-XXXXXX")];
	char path[64];
};

static const char *in(struct place *place, const char *name)
{
	snprintf(place->path, sizeof(place->path), "%s/%s", place->directory, name);
	return place->path;
}

static int fail_to_write(const char *path, struct hadal_error *error)
{
	return hadal_fail(error, errno, "Cannot write %s: %s", path, strerror(errno));
}

static int make_directory(struct place *place, struct hadal_error *error)
{
	strcpy(place->directory, "/run/hadal-XXXXXX");
	if (mkdtemp(place->directory))
		return 0;
	strcpy(place->directory, "/tmp/hadal-XXXXXX");
	return mkdtemp(place->directory) ? 0 : fail_to_write("to /run nor /tmp", error);
}

static int write_library(struct place *place, struct hadal_error *error)
{
	static const char *const names[] = {"libvirt.so.0", "libvirt-qemu.so", "libvirt-qemu.so.0"};
	const size_t size = (size_t)(standin_image_end - standin_image);
	FILE *out = fopen(in(place, LIBRARY), "w");
	bool written;

	if (!out)
		return fail_to_write(place->path, error);
	written = fwrite(standin_image, 1, size, out) == size;
	if (fclose(out) || !written)
		return fail_to_write(place->path, error);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (symlink(LIBRARY, in(place, names[i])))
			return fail_to_write(place->path, error);
	return 0;
}

/* Puts value before what is in the variable. */
static bool prepend(const char *variable, const char *value, char separator)
{
	const char *old = getenv(variable);
	char *text = NULL;
	bool done;

	if (!old || !*old)
		return !setenv(variable, value, 1);
	if (asprintf(&text, "%s%c%s", value, separator, old) < 0)
		return false;
	done = !setenv(variable, text, 1);
	free(text);
	return done;
}

static int set_environment(struct place *place, struct hadal_error *error)
{
	if (!prepend("LD_LIBRARY_PATH", place->directory, ':') ||
	    !prepend("LD_PRELOAD", in(place, LIBRARY), ':') ||
	    setenv(STANDIN_SOCKET, in(place, STANDIN_SOCKET_NAME), 1) ||
	    setenv(STANDIN_CONFIG, in(place, STANDIN_CONFIG_NAME), 1))
		return hadal_fail(error, ENOMEM, "Out of memory");
	return 0;
}

/* What is in the directory before the program runs. */
static int fill(struct place *place, struct hadal_error *error)
{
	int result = write_library(place, error);

	if (!result)
		result = set_environment(place, error);
	if (result)
		return result;
	result = exec_serve_begin(place->directory);
	return result ? hadal_fail(error, -result, "Cannot start a process to serve it: %s",
				   strerror(-result))
		      : 0;
}

bool exec_events_prepare(void)
{
	struct hadal_error error;
	struct place place;

	if (make_directory(&place, &error)) {
		cli_fail(&error);
		return false;
	}
	kvmi_stay_here();
	if (!fill(&place, &error))
		return true;
	cli_fail(&error);
	exec_serve_remove(place.directory);
	return false;
}
