// SPDX-License-Identifier: MIT
/* bench_workload: ticks of a run of fork, exec, files and pipes, as a shell's user makes them. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"

#define RUNS        5
#define ROUNDS      20
#define FILE_PIECES 64
#define PIPE_PASSES 100
#define FILE_TO_USE "/tmp/bench_workload"
#define AS_A_CHILD  "child"

static char piece[4096];

static void need(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

static void fork_and_exec(void)
{
	pid_t child = fork();
	int status;

	need(child >= 0, "fork");
	if (!child) {
		execl("/proc/self/exe", "bench_workload", AS_A_CHILD, (char *)NULL);
		_exit(1);
	}
	need(waitpid(child, &status, 0) == child && !status, "exec");
}

static void write_and_read_file(void)
{
	int file = open(FILE_TO_USE, O_RDWR | O_CREAT | O_TRUNC, 0600);

	need(file >= 0, "open");
	for (int i = 0; i < FILE_PIECES; i++)
		need(write(file, piece, sizeof(piece)) == sizeof(piece), "write");
	need(!lseek(file, 0, SEEK_SET), "lseek");
	for (int i = 0; i < FILE_PIECES; i++)
		need(read(file, piece, sizeof(piece)) == sizeof(piece), "read");
	need(!close(file) && !unlink(FILE_TO_USE), "close");
}

static void answer(int from, int to)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		if (write(to, &byte, 1) != 1)
			_exit(1);
	_exit(0);
}

static void pass_through_pipes(void)
{
	int there[2], back[2], status;
	pid_t child;
	char byte = 0;

	need(!pipe(there) && !pipe(back), "pipe");
	child = fork();
	need(child >= 0, "fork");
	if (!child) {
		close(there[1]);
		close(back[0]);
		answer(there[0], back[1]);
	}
	close(there[0]);
	close(back[1]);
	for (int i = 0; i < PIPE_PASSES; i++)
		need(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "pipe");
	close(there[1]);
	close(back[0]);
	need(waitpid(child, &status, 0) == child && !status, "waitpid");
}

int main(int argc, char **argv)
{
	uint64_t ticks[RUNS];

	if (argc > 1 && !strcmp(argv[1], AS_A_CHILD))
		return 0;
	for (int run = -1; run < RUNS; run++) { /* the first one only warms up */
		uint64_t start = ticks_now();

		for (int i = 0; i < ROUNDS; i++) {
			fork_and_exec();
			write_and_read_file();
			pass_through_pipes();
		}
		if (run >= 0)
			ticks[run] = ticks_now() - start;
	}
	samples_print("workload", ticks, RUNS);
	return 0;
}
