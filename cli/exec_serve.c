// SPDX-License-Identifier: MIT
/* A process beside the program: it waits for what is made in its directory, and for its end. */
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
#include "exec_profiles.h"
#include "kvmi_serve.h"
#include "standin/standin.h"

struct keeper {
	int program; /* a pidfd */
	int changes; /* of the directory: inotify */
	const char *directory;
	bool wanted;  /* the configuration was */
	pid_t writer; /* the child that makes it, or 0 */
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

static int serve_socket(const char *directory)
{
	const struct kvmi_options kvmi = {0};
	struct hadal *hadal = cli_open();
	struct hadal_error error;
	char path[PATH_MAX];

	if (!hadal)
		return CLI_FAILURE;
	snprintf(path, sizeof(path), "%s/%s", directory, STANDIN_SOCKET_NAME);
	if (kvmi_serve_at(hadal, path, STANDIN_NAME, true, &kvmi, &error))
		return cli_fail(&error);
	return CLI_OK;
}

/* In its own process, and with that, an introspector has its own open file of the device. */
static pid_t do_apart(const struct keeper *keeper, int (*work)(const char *directory))
{
	const pid_t child = fork();

	if (child)
		return child;
	close(keeper->program);
	close(keeper->changes);
	_exit(work(keeper->directory));
}

static void take_name(struct keeper *keeper, const char *name)
{
	if (!strcmp(name, STANDIN_SOCKET_NAME)) {
		do_apart(keeper, serve_socket);
	} else if (!strcmp(name, STANDIN_CONFIG_NAME STANDIN_WANTED) && !keeper->wanted) {
		keeper->wanted = true;
		keeper->writer = do_apart(keeper, exec_profiles_write);
	}
}

static void take_changes(struct keeper *keeper)
{
	union {
		struct inotify_event event;
		char bytes[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
	} buffer;
	ssize_t got = read(keeper->changes, &buffer, sizeof(buffer));
	const struct inotify_event *event;

	for (ssize_t at = 0; at < got; at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const struct inotify_event *)(buffer.bytes + at);
		if (event->len)
			take_name(keeper, event->name);
	}
}

static void reap(struct keeper *keeper)
{
	pid_t ended;

	while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
		if (ended == keeper->writer)
			keeper->writer = 0;
}

/* Who still writes there ends first. */
static void clean_up(const struct keeper *keeper)
{
	if (keeper->writer > 0) {
		kill(keeper->writer, SIGKILL);
		waitpid(keeper->writer, NULL, 0);
	}
	exec_serve_remove(keeper->directory);
}

static void keep(struct keeper *keeper)
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
		reap(keeper);
	}
	clean_up(keeper);
}

/* Of the program's terminal and files it keeps standard error alone, to say what failed. */
static void leave_program(void)
{
	const int null = open("/dev/null", O_RDWR);

	signal(SIGCHLD, SIG_DFL);
	setsid();
	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

/* A child's child: what the program becomes has no child that it does not know. */
static int start(struct keeper *keeper)
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

int exec_serve_begin(const char *directory)
{
	struct keeper keeper = {
		.program = (int)syscall(SYS_pidfd_open, getpid(), 0),
		.changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
		.directory = directory,
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
