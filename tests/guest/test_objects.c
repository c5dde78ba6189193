// SPDX-License-Identifier: MIT
/*
 * test_objects COMMAND...: has all kinds of files, mounts and sockets, and children of every kind,
 * while COMMAND runs; SCENE is this process and INNER a child in namespaces of its own, in its
 * environment.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/check.h"

#define DIRECTORY "/tmp/objects"

static int open_new(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	CHECK(fd >= 0);
	return fd;
}

static void open_files(void)
{
	int fds[2];

	CHECK(!mkdir(DIRECTORY, 0700) && !mkdir(DIRECTORY "/deep", 0700) &&
	      !mkdir(DIRECTORY "/mount", 0700) && !mkdir(DIRECTORY "/gone", 0700));
	CHECK(!mount("none", DIRECTORY "/mount", "tmpfs", 0, NULL));
	CHECK(!mkdir(DIRECTORY "/mount/inside", 0700));
	CHECK(write(open_new(DIRECTORY "/deep/file with spaces"), "1234567", 7) == 7);
	open_new(DIRECTORY "/mount/inside/file");
	CHECK(!mount(DIRECTORY "/mount/inside", DIRECTORY "/deep", NULL, MS_BIND, NULL));
	CHECK(open(DIRECTORY "/deep/file", O_WRONLY | O_APPEND) >= 0);
	open_new(DIRECTORY "/deleted");
	CHECK(!unlink(DIRECTORY "/deleted"));
	open_new(DIRECTORY "/gone/file");
	CHECK(!unlink(DIRECTORY "/gone/file") && !rmdir(DIRECTORY "/gone"));
	CHECK(open(DIRECTORY, O_RDONLY | O_DIRECTORY) >= 0);
	CHECK(open(DIRECTORY "/deep", O_PATH) >= 0);
	CHECK(open("/dev/null", O_WRONLY) >= 0 && open("/proc/self/ns/net", O_RDONLY) >= 0);
	CHECK(open("/proc/version", O_RDONLY) >= 0 && open("/", O_RDONLY) >= 0);
	CHECK(!pipe(fds) && !mkfifo(DIRECTORY "/fifo", 0600) &&
	      open(DIRECTORY "/fifo", O_RDWR) >= 0);
	CHECK(memfd_create("a name", 0) >= 0 && eventfd(0, 0) >= 0 && epoll_create1(0) >= 0);
	CHECK(timerfd_create(CLOCK_MONOTONIC, 0) >= 0);
	CHECK(dup2(fds[0], 200) == 200); /* beyond the file table that every process has */
}

static void mount_new(const char *source, const char *path, unsigned long flags)
{
	CHECK(!mkdir(path, 0700) && !mount(source, path, "tmpfs", flags, NULL));
}

/* Mounts with all flags, peers of all kinds, and one that is no directory. */
static void open_mounts(void)
{
	CHECK(!mkdir(DIRECTORY "/mounts", 0700));
	mount_new("one", DIRECTORY "/mounts/read only",
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME);
	mount_new("two", DIRECTORY "/mounts/shared", MS_SYNCHRONOUS | MS_DIRSYNC | MS_NODIRATIME);
	CHECK(!mount(NULL, DIRECTORY "/mounts/shared", NULL, MS_SHARED, NULL));
	CHECK(!mkdir(DIRECTORY "/mounts/shared/inside", 0700));
	CHECK(!mkdir(DIRECTORY "/mounts/slave", 0700));
	CHECK(!mount(DIRECTORY "/mounts/shared/inside", DIRECTORY "/mounts/slave", NULL, MS_BIND,
		     NULL));
	CHECK(!mount(NULL, DIRECTORY "/mounts/slave", NULL, MS_SLAVE, NULL));
	mount_new("three", DIRECTORY "/mounts/alone", MS_STRICTATIME | MS_LAZYTIME);
	CHECK(!mount(NULL, DIRECTORY "/mounts/alone", NULL, MS_UNBINDABLE, NULL));
	close(open_new(DIRECTORY "/mounts/net"));
	CHECK(!mount("/proc/self/ns/net", DIRECTORY "/mounts/net", NULL, MS_BIND, NULL));
}

static int bound(int family, int type, const void *address, socklen_t len)
{
	int fd = socket(family, type, 0);

	CHECK(fd >= 0);
	/* A TIME_WAIT may be left of the scene of another test. */
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)));
	CHECK(!bind(fd, address, len));
	return fd;
}

static struct sockaddr_in v4(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listening(uint16_t port)
{
	struct sockaddr_in address = v4(port);
	int fd = bound(AF_INET, SOCK_STREAM, &address, sizeof(address));

	CHECK(!listen(fd, 5));
	return fd;
}

static int connected(uint16_t port)
{
	struct sockaddr_in address = v4(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* A connection with a queue at each end: the one side sends until the other is full. */
static void fill_tcp(void)
{
	struct sockaddr_in address = v4(1007);
	int fd = bound(AF_INET, SOCK_STREAM, &address, sizeof(address)), client;
	const char bytes[4096] = "";

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)) && !listen(fd, 1));
	client = connected(1007);
	CHECK(accept(fd, NULL, NULL) >= 0 && !fcntl(client, F_SETFL, O_NONBLOCK));
	CHECK(!setsockopt(client, SOL_SOCKET, SO_SNDBUF, &(int){16384}, sizeof(int)));
	while (write(client, bytes, sizeof(bytes)) > 0)
		;
}

static void open_tcp(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(1002)};
	struct sockaddr_in6 loopback = any;
	int fd = listening(1001), client, end;

	loopback.sin6_addr = in6addr_loopback;
	connected(1001);
	CHECK(accept(fd, NULL, NULL) >= 0);
	/* Closed by the client first, which leaves a TIME_WAIT without any socket. */
	client = connected(1001);
	end = accept(fd, NULL, NULL);
	CHECK(!close(client) && !read(end, &(char){0}, 1) && !close(end));
	connected(1001); /* and not accepted: the other end has no file */
	fd = bound(AF_INET6, SOCK_STREAM, &any, sizeof(any));
	CHECK(!listen(fd, 5));
	connected(1002);
	CHECK(accept(fd, NULL, NULL) >= 0);
	client = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(!connect(client, (struct sockaddr *)&loopback, sizeof(loopback)));
	CHECK(accept(fd, NULL, NULL) >= 0);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) >= 0); /* not bound, so in no table of the kernel */
	fill_tcp();
}

static void open_udp(void)
{
	struct sockaddr_in address = v4(1003);
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(1004)};
	int fd = bound(AF_INET, SOCK_DGRAM, &address, sizeof(address));

	address.sin_port = htons(1005);
	CHECK(!connect(fd, (struct sockaddr *)&address, sizeof(address)));
	bound(AF_INET6, SOCK_DGRAM, &any, sizeof(any));
	address.sin_port = htons(1004);
	CHECK(sendto(fd, "unread", 6, 0, (struct sockaddr *)&address, sizeof(address)) == 6);
}

static void open_raw(void)
{
	struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1};

	CHECK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0);
	CHECK(socket(AF_INET6, SOCK_RAW, IPPROTO_UDP) >= 0);
	CHECK(socket(AF_PACKET, SOCK_DGRAM, htons(0x88b5)) >= 0);
	bound(AF_NETLINK, SOCK_RAW, &group, sizeof(group));
	CHECK(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

/* A socket that is nowhere but in a message that nobody has received. */
static void send_away(int through)
{
	struct sockaddr_in address = v4(1008);
	int fd = bound(AF_INET, SOCK_DGRAM, &address, sizeof(address));
	char control[CMSG_SPACE(sizeof(fd))] = "";
	struct iovec piece = {"x", 1};
	struct msghdr message = {.msg_iov = &piece,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	CHECK(sendmsg(through, &message, 0) == 1 && !close(fd));
}

static void open_unix(void)
{
	struct sockaddr_un path = {AF_UNIX, DIRECTORY "/socket"};
	struct sockaddr_un abstract = {AF_UNIX, "\0an abstract name"};
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 17;
	int fds[2], fd;

	CHECK(!listen(bound(AF_UNIX, SOCK_STREAM, &path, sizeof(path)), 5));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(!connect(fd, (struct sockaddr *)&path, sizeof(path)));
	bound(AF_UNIX, SOCK_DGRAM, &abstract, len);
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds));
	send_away(fds[0]);
}

static void wait_for_end(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

/* Forks a child that becomes what start makes of it, and waits until it says that it is. */
static pid_t child(void (*start)(void))
{
	int ready[2];
	pid_t pid;
	char byte;

	CHECK(!pipe(ready) && (pid = fork()) >= 0);
	if (!pid) {
		start();
		CHECK(write(ready[1], "", 1) == 1);
		wait_for_end();
	}
	CHECK(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void enter_namespaces(void)
{
	CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS |
		       CLONE_NEWIPC | CLONE_NEWCGROUP));
	CHECK(!mkdir(DIRECTORY "/root", 0700) && !mkdir(DIRECTORY "/root/work", 0700));
	CHECK(!chroot(DIRECTORY "/root") && !chdir("/work"));
	listening(1006);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0 && socket(AF_INET, SOCK_RAW, 255) >= 0);
	/* The first process of the new PID namespace. */
	if (!fork())
		wait_for_end();
}

/* As a program does that shows in ps what it is at: its arguments are written over. */
static char **arguments;

static void rename_arguments(void)
{
	size_t len = strlen(arguments[1]);

	memset(arguments[1], 'x', len);
	CHECK(!prctl(PR_SET_NAME, "odd) S 1\n(\033"));
}

static void become_nobody(void)
{
	struct sockaddr_in address = v4(10009);

	CHECK(!chdir("/dev/shm") && !setgid(65534) && !setuid(65534));
	bound(AF_INET, SOCK_DGRAM, &address, sizeof(address));
}

int main(int argc, char **argv)
{
	pid_t pid, children[3];
	char text[16];
	int status;

	CHECK(argc > 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	open_files();
	open_mounts();
	open_tcp();
	open_udp();
	open_raw();
	open_unix();
	arguments = argv;
	children[0] = child(enter_namespaces);
	children[2] = child(become_nobody);
	snprintf(text, sizeof(text), "%d", getpid());
	setenv("SCENE", text, 1);
	snprintf(text, sizeof(text), "%d", children[0]);
	setenv("INNER", text, 1);
	pid = fork();
	if (!pid) {
		CHECK(!setpgid(0, 0));
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	children[1] = child(rename_arguments);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	kill(-pid, SIGKILL); /* what it has left running */
	for (int i = 0; i < 3; i++)
		kill(children[i], SIGKILL);
	/* Until the last of them is gone, its files keep the mounts. */
	while (wait(NULL) > 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
