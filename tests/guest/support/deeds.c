// SPDX-License-Identifier: MIT
/* Processes that do one thing on one CPU. */
#include "support/deeds.h"

#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/ring0.h"

pid_t start_on(unsigned int cpu, deed_fn deed)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (child)
		return child;
	pin_to_cpu(cpu);
	_exit(deed());
}

int status_of(pid_t child)
{
	int status;

	EQUAL(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}
