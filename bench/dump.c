// SPDX-License-Identifier: MIT
/*
 * bench_dump: ticks of a program that has all RAM mapped and writes it as dd would, through a
 * buffer of 1 MiB, and of `hadal dump`; to /dev/null and to a pipe: "dump_null DD DUMP", "dump_pipe
 * DD DUMP".
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples.h"
#include "device/window.h"

#define PIECE_BYTES (1u << 20)

static uint8_t piece[PIECE_BYTES];

static void need(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_dump: %s\n", what);
	exit(1);
}

static void write_all(int out, const uint8_t *from, size_t len)
{
	while (len) {
		ssize_t done = write(out, from, len);

		need(done > 0, "cannot write");
		from += done;
		len -= done;
	}
}

static void copy_as_dd(int out)
{
	struct hadal_window *window;
	struct hadal_error error;
	struct hadal_ram ram;
	struct hadal *hadal;

	need(!hadal_open(&hadal, &error) && !hadal_ram(hadal, &ram, &error) &&
		     !hadal_window_open(hadal, &window, &error),
	     error.text);
	for (uint32_t i = 0; i < ram.count; i++) {
		for (uint64_t at = ram.range[i].start; at < ram.range[i].end;) {
			uint64_t len;
			const void *from = hadal_window_at(window, at, &len);

			if (len > PIECE_BYTES)
				len = PIECE_BYTES;
			memcpy(piece, from, len);
			write_all(out, piece, len);
			at += len;
		}
	}
	hadal_window_close(window);
	hadal_close(hadal);
	exit(0);
}

static void dump(int out)
{
	dup2(out, STDOUT_FILENO);
	execlp("hadal", "hadal", "dump", "-", (char *)NULL);
	_exit(127);
}

static void end(pid_t child)
{
	int status;

	need(waitpid(child, &status, 0) == child && !status, "a child failed");
}

static pid_t begin(void (*work)(int fd), int fd, int other)
{
	pid_t child = fork();

	need(child >= 0, "cannot fork");
	if (!child) {
		close(other);
		work(fd);
	}
	close(fd);
	return child;
}

static void drain(int in)
{
	ssize_t got;

	while ((got = read(in, piece, sizeof(piece))) > 0)
		;
	exit(got < 0);
}

static uint64_t to_null(void (*work)(int fd))
{
	uint64_t start = ticks_now();

	end(begin(work, open("/dev/null", O_WRONLY | O_CLOEXEC), -1));
	return ticks_now() - start;
}

static uint64_t to_pipe(void (*work)(int fd))
{
	uint64_t start = ticks_now();
	pid_t writer, reader;
	int ends[2];

	need(!pipe2(ends, O_CLOEXEC), "cannot make a pipe");
	writer = begin(work, ends[1], ends[0]);
	reader = begin(drain, ends[0], -1);
	end(writer);
	end(reader);
	return ticks_now() - start;
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("dump_null %" PRIu64, to_null(copy_as_dd));
	printf(" %" PRIu64 "\n", to_null(dump));
	printf("dump_pipe %" PRIu64, to_pipe(copy_as_dd));
	printf(" %" PRIu64 "\n", to_pipe(dump));
	return 0;
}
