// SPDX-License-Identifier: MIT
/*
 * bench_ps: ticks of `hadal ps` as a command with nothing cached and once more with what it has
 * kept, and of its parts when the same work is done here with nothing cached: "NAME TICKS READS
 * BYTES", reads and bytes of physical memory.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hadal.h"
#include "kernel/process.h"
#include "samples.h"

static struct hadal_memory memory;
static uint64_t start, reads, bytes;

static void begin_part(void)
{
	reads = memory.reads;
	bytes = memory.bytes_read;
	start = ticks_now();
}

static void end_part(const char *name)
{
	uint64_t ticks = ticks_now() - start;

	printf("ps_%s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", name, ticks, memory.reads - reads,
	       memory.bytes_read - bytes);
}

static void need(int ok, const struct hadal_error *error)
{
	if (ok)
		return;
	fprintf(stderr, "bench_ps: %s\n", error->text);
	exit(1);
}

static void whole_command(const char *name)
{
	int status;
	pid_t child;

	begin_part();
	child = fork();
	if (!child) {
		dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
		execlp("hadal", "hadal", "ps", (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "bench_ps: 'hadal ps' failed\n");
		exit(1);
	}
	end_part(name);
}

static void parts(void)
{
	struct hadal_process_list list;
	struct hadal_traces traces;
	struct hadal_kernel *kernel;
	struct hadal_error error;
	struct hadal *hadal;

	begin_part();
	need(!hadal_open(&hadal, &error), &error);
	need(!hadal_device_memory(hadal, &memory, &error), &error);
	need(!hadal_device_traces(hadal, 0, &traces, &error), &error);
	end_part("open");

	begin_part();
	kernel = hadal_kernel_open(&memory, &traces, &error);
	need(!!kernel, &error);
	end_part("find_kernel");

	begin_part();
	need(!!hadal_kernel_types(kernel, &error), &error);
	end_part("types");

	begin_part();
	need(!hadal_processes(kernel, false, &list, &error), &error);
	end_part("processes");
	printf("ps_count %zu\n", list.count);

	hadal_processes_free(&list);
	hadal_kernel_close(kernel);
	hadal_memory_close(&memory);
	hadal_close(hadal);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	whole_command("command");
	whole_command("command_warm");
	parts();
	return 0;
}
