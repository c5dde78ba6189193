// SPDX-License-Identifier: MIT
/* A process beside the program: it waits for sockets in its directory, and for its end. */
#include "exec_serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "kvmi_serve.h"
#include "standin/standin.h"

struct keeper {
	int program; /* a pidfd */
	int changes; /* of the directory: inotify */
	const char *directory, *name;
};

void exec_serve_remove(const char *directory)
{
	DIR *open = opendir(directory);
	struct dirent *entry;

	while (open && (entry = readdir(open)))
		unlinkat(dirfd(open), entry->d_name, 0);
	if (open)
		closedir(open);
	rmdir(directory);
}

/* Each introspector has its own process, and with that its own open file of the device. */
static void serve(const struct keeper *keeper)
{
	char path[PATH_MAX];
	struct hadal_error error;
	struct hadal *hadal;

	if (fork())
		return;
	close(keeper->program);
	close(keeper->changes);
	snprintf(path, sizeof(path), "%s/%s", keeper->directory, keeper->name);
	hadal = cli_open();
	if (!hadal)
		_exit(CLI_FAILURE);
	if (kvmi_serve_at(hadal, path, STANDIN_NAME, true, &error))
		_exit(cli_fail(&error));
	_exit(CLI_OK);
}

static void take_changes(const struct keeper *keeper)
{
	union {
		struct inotify_event event;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} buffer;
	ssize_t got = read(keeper->changes, &buffer, sizeof(buffer));
	const struct inotify_event *event;

	for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const struct inotify_event *)(buffer.bytes + at);
		if (event->len && !strcmp(event->name, keeper->name))
			serve(keeper);
	}
}

static void keep(const struct keeper *keeper)
{
	struct pollfd polled[] = {
		{.fd = keeper->program, .events = POLLIN},
		{.fd = keeper->changes, .events = POLLIN},
	};

	while (!polled[0].revents) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			break;
		if (polled[1].revents)
			take_changes(keeper);
	}
	exec_serve_remove(keeper->directory);
}

/* Of the program's terminal and files it keeps standard error alone, to say what failed. */
static void leave_program(void)
{
	const int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGCHLD, SIG_IGN);
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

/* A child's child: what the program becomes has no child that it does not know. */
static int start(const struct keeper *keeper)
{
	const pid_t child = fork();
	int status;

	if (child < 0)
		return -errno;
	if (child)
		return waitpid(child, &status, 0) == child && !status ? 0 : -EAGAIN;
	switch (fork()) {
	case -1:
		_exit(1);
	case 0:
		leave_program();
		keep(keeper);
		_exit(0);
	default:
		_exit(0);
	}
}

int exec_serve_begin(const char *directory, const char *name)
{
	struct keeper keeper = {
		.program = (int)syscall(SYS_pidfd_open, getpid(), 0),
		.changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
		.directory = directory,
		.name = name,
	};
	int result = 0;

	if (keeper.program < 0 || keeper.changes < 0 ||
	    inotify_add_watch(keeper.changes, directory, IN_CREATE) < 0)
		result = -errno;
	if (!result)
		result = start(&keeper);
	if (keeper.program >= 0)
		close(keeper.program);
	if (keeper.changes >= 0)
		close(keeper.changes);
	return result;
}
