// SPDX-License-Identifier: MIT
/* A scene of hostile names and of values as large as the kernel lets them be. */
#include "support/extremes.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

#define DIRECTORY    "/tmp/extremes"
#define CHILDREN_MAX 32
/* MAX_PID_NS_LEVEL: so many below the first one. */
#define LEVELS 32

const char *const extremes_names[] = {
	"plain",
	"two words",
	" begins, ends ",
	"line\nfeed",
	"tab\tand\rmore",
	"back\\slash",
	"\\012 is no end",
	"quote\" 'quote'",
	"escape\033[31m",
	"\001\002\177",
	"gr\303\274n \342\202\254",     /* UTF-8 */
	"\360\237\230\200\360\237\230", /* and cut within a character */
	"\377\376 no UTF-8\200",
	"\342\200\256turned", /* text that goes the other way */
	"] ) } (deleted)",
	"{\"pid\":1}",
	"...",
	NULL,
};

pid_t extremes_innermost;
static pid_t children[CHILDREN_MAX];
static size_t child_count;

static void wait_for_end(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static void *idle(void *name)
{
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

/* A child that start makes something of, and its number when it is that. */
static pid_t child(void (*start)(const void *), const void *argument)
{
	int ready[2];
	pid_t pid, told;

	CHECK(!pipe(ready) && (pid = fork()) >= 0);
	if (!pid) {
		start(argument);
		told = getpid();
		CHECK(write(ready[1], &told, sizeof(told)) == sizeof(told));
		wait_for_end();
	}
	CHECK(child_count < CHILDREN_MAX);
	children[child_count++] = pid;
	CHECK(read(ready[0], &told, sizeof(told)) == sizeof(told));
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* A process and a thread of it with a name; what is longer than 15 bytes the kernel cuts. */
static void take_name(const void *name)
{
	pthread_t thread;

	CHECK(!prctl(PR_SET_NAME, name));
	CHECK(!pthread_create(&thread, NULL, idle, (void *)name));
}

/* The largest user and group that there are; 4294967295 stands for none. */
static void become_last(const void *argument)
{
	(void)argument;
	CHECK(!setgroups(0, NULL) && !setresgid(UINT_MAX - 1, UINT_MAX - 1, UINT_MAX - 1));
	CHECK(!setresuid(UINT_MAX - 1, UINT_MAX - 1, UINT_MAX - 1));
}

/* Each is the first process of a namespace in that of the one before. */
static void go_deeper(const void *argument)
{
	int level = *(const int *)argument, next = level + 1, told[2];
	pid_t pid = 0;

	if (level == LEVELS)
		return;
	CHECK(!pipe(told));
	CHECK(!unshare(CLONE_NEWPID));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		go_deeper(&next);
		CHECK(write(told[1], "", 1) == 1);
		wait_for_end();
	}
	CHECK(read(told[0], &(char){0}, 1) == 1);
}

static void find_innermost(pid_t pid)
{
	char path[64], line[32];

	for (int level = 0; level < LEVELS; level++) {
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
		file = fopen(path, "r");
		CHECK(file && fgets(line, sizeof(line), file));
		fclose(file);
		pid = atoi(line);
	}
	extremes_innermost = pid;
}

/* Arguments of all kinds, longer than a page, and an empty one. */
static void with_arguments(void)
{
	static char large[100000], *words[64] = {"sleep", "1000000"};
	pid_t pid = fork();
	size_t count = 2;

	CHECK(pid >= 0);
	if (pid) {
		children[child_count++] = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(large, 'L', sizeof(large) - 1);
	words[count++] = large;
	words[count++] = "";
	for (size_t i = 0; extremes_names[i]; i++)
		words[count++] = (char *)extremes_names[i];
	words[count++] = "";
	/* This program once more, which only waits; see main(). */
	words[0] = "test_lists";
	words[1] = "wait";
	execv("/bin/test_lists", words);
	_exit(127);
}

static int open_new(const char *directory, const char *name)
{
	char path[2 * PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	return fd;
}

static void open_named(void)
{
	for (size_t i = 0; extremes_names[i]; i++) {
		char path[PATH_MAX];

		if (strcmp(extremes_names[i], "..."))
			open_new(DIRECTORY "/files", extremes_names[i]);
		snprintf(path, sizeof(path), "%s (deleted)", extremes_names[i]);
		open_new(DIRECTORY "/files", path);
		CHECK(memfd_create(extremes_names[i], 0) >= 0);
	}
}

/* Paths as long as one may be, and longer; each directory is reached from the one before. */
static void open_far(bool slow)
{
	char name[256];

	memset(name, 'n', 255);
	name[255] = '\0';
	CHECK(!chdir(DIRECTORY "/files"));
	for (int depth = 0; depth < (slow ? 18 : 100); depth++) {
		CHECK(!mkdir(name, 0700) && !chdir(name));
		open_new(".", name + 1);
	}
	CHECK(!chdir("/"));
}

/* A table that is full, a descriptor at its very end, and a position at the end of all files. */
static void open_many(bool slow)
{
	struct rlimit most = {1 << 20, 1 << 20};
	int many = slow ? 1100 : 8000;
	int fd = open_new(DIRECTORY "/files", "end");

	CHECK(!setrlimit(RLIMIT_NOFILE, &most));
	CHECK(lseek(fd, INT64_MAX, SEEK_SET) == INT64_MAX);
	while (dup(fd) < many)
		;
	CHECK(dup2(fd, slow ? 65535 : (1 << 20) - 1) > 0);
}

static void map_many(bool slow)
{
	int pages = slow ? 600 : 4000;
	int fd = open_new(DIRECTORY "/files", "line\nfeed");
	char *all;

	all = mmap(NULL, pages * 4096ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(all != MAP_FAILED);
	for (int i = 0; i < pages; i += 2)
		CHECK(!mprotect(all + i * 4096ul, 4096, PROT_READ | PROT_WRITE));
	/* The last page that a file may have. */
	CHECK(!ftruncate(fd, 4096));
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, INT64_MAX & ~4095ll) != MAP_FAILED ||
	      errno == EOVERFLOW);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 1ll << 43) != MAP_FAILED);
	for (size_t i = 0; extremes_names[i]; i++)
		if (strcmp(extremes_names[i], "..."))
			CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE,
				   open_new(DIRECTORY "/files", extremes_names[i]),
				   0) != MAP_FAILED);
}

static void mount_named(void)
{
	static char source[PATH_MAX];
	char path[PATH_MAX];

	for (size_t i = 0; extremes_names[i]; i++) {
		snprintf(path, sizeof(path), DIRECTORY "/mounts/%s#", extremes_names[i]);
		CHECK(!mkdir(path, 0700));
		CHECK(!mount(extremes_names[i], path, "tmpfs", 0, NULL));
	}
	memset(source, 's', sizeof(source) - 1);
	CHECK(!mkdir(DIRECTORY "/mounts/long", 0700) && !mkdir(DIRECTORY "/mounts/none", 0700));
	CHECK(!mount(source, DIRECTORY "/mounts/long", "tmpfs", 0, NULL));
	CHECK(!mount("", DIRECTORY "/mounts/none", "tmpfs", 0, NULL));
}

static void bind_name(const char *name, size_t len)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(fd >= 0 && len <= sizeof(address.sun_path));
	memcpy(address.sun_path, name, len);
	CHECK(!bind(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + len));
}

static void bind_named(void)
{
	char name[108] = "";

	CHECK(!chdir(DIRECTORY "/sockets"));
	for (size_t i = 0; extremes_names[i]; i++) {
		snprintf(name + 1, sizeof(name) - 1, "%s@", extremes_names[i]);
		bind_name(name + 1, strlen(name + 1) + 1);
		bind_name(name, strlen(name + 1) + 1);
	}
	memset(name, 'u', sizeof(name)); /* without an end */
	bind_name(name, sizeof(name));
	memset(name, 0, sizeof(name)); /* abstract, of zeros alone */
	name[50] = 'z';
	bind_name(name, sizeof(name));
	bind_name("@relative", 10);
	CHECK(!chdir("/"));
}

static void write_log(void)
{
	char text[1100];
	int log = open("/dev/kmsg", O_WRONLY);

	CHECK(log >= 0);
	for (size_t i = 0; extremes_names[i]; i++) {
		snprintf(text, sizeof(text), "test_lists: %s", extremes_names[i]);
		CHECK(write(log, text, strlen(text)) > 0);
	}
	memset(text, '\033', sizeof(text));
	CHECK(write(log, text, 900) == 900);
	memset(text, 'k', sizeof(text));
	CHECK(write(log, text, 976) == 976);
	close(log);
}

void extremes_begin(bool slow)
{
	int first = 0;

	CHECK(!mkdir(DIRECTORY, 0755) && !mkdir(DIRECTORY "/files", 0755) &&
	      !mkdir(DIRECTORY "/mounts", 0755) && !mkdir(DIRECTORY "/sockets", 0755));
	CHECK(!mount("files", DIRECTORY "/files", "tmpfs", 0, NULL));
	for (size_t i = 0; extremes_names[i]; i++)
		child(take_name, extremes_names[i]);
	child(become_last, NULL);
	find_innermost(child(go_deeper, &first));
	with_arguments();
	open_named();
	open_far(slow);
	mount_named();
	bind_named();
	write_log();
	map_many(slow);
	open_many(slow);
}

void extremes_end(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; extremes_names[i]; i++) {
		snprintf(path, sizeof(path), DIRECTORY "/mounts/%s#", extremes_names[i]);
		umount2(path, MNT_DETACH);
	}
	umount2(DIRECTORY "/mounts/long", MNT_DETACH);
	umount2(DIRECTORY "/mounts/none", MNT_DETACH);
	umount2(DIRECTORY "/files", MNT_DETACH);
	while (child_count)
		kill(children[--child_count], SIGKILL);
	while (wait(NULL) > 0)
		;
}
