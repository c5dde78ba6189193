// SPDX-License-Identifier: MIT
/* Serving an introspector on one CPU. */
#include "kvmi_serve.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

/* Between bind and listen of an introspector: tries of 10 ms each. */
#define TRIES 1000

void kvmi_stay_here(void)
{
	const int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return;
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static int connect_to(const char *path, const char *name, bool patient, struct hadal_error *error)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int socket = kvmi_connect(path, name, error);

	for (int i = 0; patient && socket == -ECONNREFUSED && i < TRIES; i++) {
		nanosleep(&pause, NULL);
		socket = kvmi_connect(path, name, error);
	}
	return socket;
}

int kvmi_serve_at(struct hadal *hadal, const char *path, const char *name, bool patient,
		  const struct kvmi_options *options, struct hadal_error *error)
{
	struct hadal_info info;
	int result = hadal_info(hadal, &info, error);
	int socket;

	if (result)
		return result;
	socket = connect_to(path, name, patient, error);
	if (socket < 0)
		return socket;
	kvmi_stay_here();
	result = kvmi_serve(hadal, socket, options, error);
	close(socket);
	return result;
}
