// SPDX-License-Identifier: MIT
/* To an introspector that listens on a socket of root's. */
#include "kvmi/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kvmi/protocol.h"

/* Of the introspector's own limit for the handshake. */
#define HANDSHAKE_SECONDS 10

/* The socket that path names now, whatever becomes of the name. */
static int open_path(const char *path, struct hadal_error *error)
{
	int place = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat stat;
	int code;

	if (place < 0)
		return hadal_fail(error, errno, "Cannot open the socket '%s': %s", path,
				  strerror(errno));
	if (fstat(place, &stat)) {
		code = errno;
		hadal_fail(error, code, "Cannot look at '%s': %s", path, strerror(code));
	} else if (!S_ISSOCK(stat.st_mode)) {
		code = ENOTSOCK;
		hadal_fail(error, code, "'%s' is not a socket", path);
	} else if (stat.st_uid) {
		code = EPERM;
		hadal_fail(error, code,
			   "'%s' does not belong to root but to user %u, who could then read "
			   "and write all memory",
			   path, stat.st_uid);
	} else {
		return place;
	}
	close(place);
	return -code;
}

static int check_peer(int socket, const char *path, struct hadal_error *error)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return hadal_fail(error, errno, "Cannot tell who listens on '%s': %s", path,
				  strerror(errno));
	if (peer.uid)
		return hadal_fail(error, EPERM,
				  "Who listens on '%s' is not root but user %u, who could then "
				  "read and write all memory",
				  path, peer.uid);
	return 0;
}

static int connect_place(int place, const char *path, struct hadal_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int result, made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (made < 0)
		return hadal_fail(error, errno, "Cannot make a socket: %s", strerror(errno));
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", place);
	if (connect(made, (struct sockaddr *)&address, sizeof(address)))
		result = hadal_fail(error, errno, "Cannot connect to '%s': %s", path,
				    strerror(errno));
	else
		result = check_peer(made, path, error);
	if (!result)
		return made;
	close(made);
	return result;
}

static int shake_hands(int socket, const char *name, struct hadal_error *error)
{
	const struct timeval limit = {.tv_sec = HANDSHAKE_SECONDS}, none = {0};
	struct kvmi_hello hello = {.bytes = sizeof(hello), .start_time = time(NULL)};
	struct kvmi_welcome welcome;
	ssize_t got;

	snprintf(hello.name, sizeof(hello.name), "%s", name);
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(socket, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
		return hadal_fail(error, EPROTO, "The introspector does not take the handshake");
	got = recv(socket, &welcome, sizeof(welcome), MSG_WAITALL);
	if (got != sizeof(welcome))
		return hadal_fail(error, EPROTO,
				  "The introspector has not answered the handshake within %d s",
				  HANDSHAKE_SECONDS);
	if (welcome.bytes != sizeof(welcome))
		return hadal_fail(error, EPROTO,
				  "The introspector answered the handshake with %u bytes, expected "
				  "%zu",
				  welcome.bytes, sizeof(welcome));
	setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none));
	return 0;
}

int kvmi_connect(const char *path, const char *name, struct hadal_error *error)
{
	int place = open_path(path, error), socket, result;

	if (place < 0)
		return place;
	socket = connect_place(place, path, error);
	close(place);
	if (socket < 0)
		return socket;
	result = shake_hands(socket, name, error);
	if (!result)
		return socket;
	close(socket);
	return result;
}
