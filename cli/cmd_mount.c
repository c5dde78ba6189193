// SPDX-License-Identifier: MIT
/* hadal mount */
#include "mount_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct options {
	struct cli_where where;
	const char *directory;
	bool foreground;
	bool cached;
	int report; /* in the daemon: where it tells its parent that all is well */
};

static void ready(void *context)
{
	const struct options *options = context;
	int null;

	if (options->foreground) {
		printf("Memory is in %s until 'umount %s', Ctrl-C or SIGTERM\n", options->directory,
		       options->directory);
		fflush(stdout);
		return;
	}
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	close(null);
	if (chdir("/") || write(options->report, "", 1) != 1)
		exit(CLI_FAILURE); /* nobody waits for it */
	close(options->report);
}

static int serve(struct options *options)
{
	struct mount_files files;
	struct hadal_error error;
	int result;

	if (!mount_files_open(&files, options->where.image, options->directory))
		return CLI_FAILURE;
	files.cached = options->cached;
	result = mount_serve(&files, ready, options, &error);
	mount_files_close(&files);
	return result ? cli_fail(&error) : CLI_OK;
}

/* The memory window does not survive a fork, so that the daemon is there before anything else. */
static int serve_in_background(struct options *options)
{
	struct hadal_error error;
	int report[2], status;
	pid_t child;
	char byte;

	if (pipe2(report, O_CLOEXEC)) {
		hadal_fail(&error, errno, "Cannot make a pipe: %s", strerror(errno));
		return cli_fail(&error);
	}
	child = fork();
	if (child < 0) {
		hadal_fail(&error, errno, "Cannot fork: %s", strerror(errno));
		return cli_fail(&error);
	}
	options->report = report[1];
	if (!child) {
		close(report[0]);
		return serve(options);
	}
	close(report[1]);
	if (read(report[0], &byte, 1) == 1) {
		printf("Memory is in %s until 'umount %s'\n", options->directory,
		       options->directory);
		return CLI_OK;
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return CLI_FAILURE;
	return WEXITSTATUS(status);
}

static int run(void *data)
{
	struct options *options = data;
	struct hadal_error error;
	struct stat st;
	char *directory;
	int result;

	directory = realpath(options->directory, NULL);
	if (!directory || stat(directory, &st)) {
		hadal_fail(&error, errno, "Cannot mount on %s: %s%s", options->directory,
			   strerror(errno),
			   errno == ENOTCONN ? "; 'umount' an earlier mount that is left there"
					     : "");
		free(directory);
		return cli_fail(&error);
	}
	options->directory = directory;
	result = options->foreground ? serve(options) : serve_in_background(options);
	free(directory);
	return result;
}

static const struct cli_option options_table[] = {
	CLI_OPTION_FLAG('f', "foreground", "Stay in the foreground; Ctrl-C ends it too",
			foreground),
	CLI_OPTION_FLAG(
		0, "cached",
		"Allow shared mappings of the files (mmap), by way of the page cache: slower, and "
		"a mapping shows what was there when it was first touched",
		cached),
	{0},
};

static const struct cli_argument arguments[] = {CLI_ARGUMENT("DIRECTORY", CLI_TEXT, directory),
						{0}};

const struct cli_command command_mount = {
	.name = "mount",
	.group = CLI_GROUP_EVIDENCE,
	.summary = "show physical memory as files in a directory",
	.about = "Show physical memory, as it is at each moment, as files in DIRECTORY that root "
		 "can "
		 "read: memory.elf for crash, drgn and gdb, memory.raw, "
		 "memory.lime for volatility3, and the kernel's isf.json, System.map and "
		 "libvmi.conf.",
	.more = "Only RAM is read; the rest is holes, and the hypervisor's own pages are zeros. "
		"'umount DIRECTORY' ends it; Hadal cannot be stopped before that.",
	.options = options_table,
	.arguments = arguments,
	.takes = CLI_TAKES_IMAGE,
	CLI_OPTIONS_AT(where),
	.run = run,
};
