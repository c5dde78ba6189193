// SPDX-License-Identifier: MIT
/*
 * bench_ps: ticks of `hadal ps` as a command with nothing cached and once more with what it has
 * kept, and of its parts when the same work is done here with nothing cached: "NAME TICKS READS
 * BYTES", reads and bytes of physical memory.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device/hypervisor.h"
#include "process/process.h"
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

/* Not by fork(), whose copy of this program would be counted as a part of the command. */
static void whole_command(const char *name)
{
	char *const arguments[] = {"hadal", "ps", NULL};
	posix_spawn_file_actions_t actions;
	int status = -1;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	begin_part();
	if (posix_spawnp(&child, "hadal", &actions, NULL, arguments, environ) ||
	    waitpid(child, &status, 0) != child || status) {
		fprintf(stderr, "bench_ps: 'hadal ps' failed\n");
		exit(1);
	}
	end_part(name);
	posix_spawn_file_actions_destroy(&actions);
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
