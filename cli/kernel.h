/* SPDX-License-Identifier: MIT */
/* What the commands share that look into the kernel. */
#ifndef HADAL_CLI_KERNEL_H
#define HADAL_CLI_KERNEL_H

#include "cli.h"
#include "machine/machine.h"

/* The memory of a machine: of this one or of an image. */
struct cli_memory {
	struct hadal_machine *machine;
	struct hadal *hadal; /* NULL for an image */
	unsigned int cpu_count;
	bool has_traces;
	struct hadal_traces traces; /* of the first CPU that tells its own */
	struct hadal_memory *memory;
};

/* image: NULL for this system. Says why when it cannot. */
bool cli_memory_open(struct cli_memory *source, const char *image);
void cli_memory_close(struct cli_memory *source);

/* A kernel and where its memory comes from. */
struct cli_kernel {
	struct cli_memory source;
	struct hadal_kernel *kernel; /* the machine's own */
};

/* Finds the kernel of this system, or in an image if that is not NULL; says why when it cannot. */
bool cli_kernel_open(struct cli_kernel *source, const char *image);
void cli_kernel_close(struct cli_kernel *source);

/* What a command does with the kernel found; its result is as that of cli_device_work. */
typedef int (*cli_kernel_work)(struct hadal_kernel *kernel, void *options,
			       struct hadal_error *error);

/*
 * Opens the kernel, does the work and says why when it failed. Returns an exit code: that of
 * success only when nothing that the work needed was missing.
 */
int cli_kernel_run(const char *image, cli_kernel_work work, void *options);

/*
 * Fails as a list of processes does that lacks the one asked for; lost: the places where that list
 * could not be followed.
 */
int cli_no_process(uint64_t pid, size_t lost, struct hadal_error *error);

/* Says on stderr when a list could not be followed everywhere; cli_kernel_run then fails. */
void cli_warn_lost(size_t lost, const char *what);

#endif
