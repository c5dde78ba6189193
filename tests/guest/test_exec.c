// SPDX-License-Identifier: MIT
/*
 * Says whether it was admitted, and runs programs in the ways that a shell does not. Exit status:
 * NOT_ADMITTED or, with a program to run, that program's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/libvmi.h"

#define NOT_ADMITTED 3
#define NOBODY       65534

static int is_admitted(void)
{
	struct vmi_registers r = {.rax = 0x40001337};

	vmi_cpuid(&r);
	if ((uint32_t)r.rax != 42)
		return NOT_ADMITTED;
	/* A request for which the door is needed. */
	vmi_physical(vmi_pages(1));
	return 0;
}

/* The fork is asked, and then this process. */
static int is_fork_admitted(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(is_admitted());
	EQUAL(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : is_admitted();
}

static int execute(char **program)
{
	execvp(program[0], program);
	return 127;
}

/* The memory of this process is the child's until that executes. */
static int spawn(char **program)
{
	int status;
	pid_t child;

	EQUAL(posix_spawnp(&child, program[0], NULL, NULL, program, environ), 0);
	EQUAL(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void *thread(void *program)
{
	exit(execute(program));
}

static int execute_in_thread(char **program)
{
	pthread_t id;

	EQUAL(pthread_create(&id, NULL, thread, program), 0);
	pthread_join(id, NULL);
	return 1;
}

static int execute_as_nobody(char **program)
{
	EQUAL(setresuid(NOBODY, NOBODY, NOBODY), 0);
	return execute(program);
}

/* A file of no format, and then one that has one. */
static int execute_after_failure(char **program)
{
	static const char path[] = "/tmp/no-program";
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	EQUAL(write(file, "\x7f", 1), 1);
	close(file);
	CHECK(execl(path, path, NULL) < 0 && errno == ENOEXEC);
	EQUAL(is_admitted(), 0);
	return execute(program);
}

static const struct {
	const char *name;
	int (*run)(char **program);
} ways[] = {
	{"exec", execute},
	{"spawn", spawn},
	{"thread", execute_in_thread},
	{"nobody", execute_as_nobody},
	{"after-failure", execute_after_failure},
};

int main(int argc, char **argv)
{
	if (argc == 1)
		return is_admitted();
	if (argc == 2 && !strcmp(argv[1], "fork"))
		return is_fork_admitted();
	for (size_t i = 0; argc > 2 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name))
			return ways[i].run(argv + 2);
	return 2;
}
