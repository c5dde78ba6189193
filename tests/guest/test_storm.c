// SPDX-License-Identifier: MIT
/*
 * test_storm HZ COMMAND [ARGUMENT...]: runs a command while NMIs come to all CPUs, HZ a second, and
 * prints how many the kernel got. Its status is the command's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/ring0.h"

static uint64_t ask(int device, uint32_t hz)
{
	struct hadal_test_storm storm = {.hz = hz};

	EQUAL(ioctl(device, HADAL_TEST_STORM, &storm), 0);
	return storm.came;
}

int main(int argc, char **argv)
{
	struct arena arena;
	uint64_t before;
	int device, status;
	pid_t child;

	CHECK(argc > 2);
	device = ring0_open(&arena);
	before = ask(device, strtoul(argv[1], NULL, 0));
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		close(device);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	CHECK(waitpid(child, &status, 0) == child);
	printf("%llu NMIs\n", (unsigned long long)(ask(device, 0) - before));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
