/* SPDX-License-Identifier: MIT */
/* Whose memory a command looks at: the machine's, the kernel's or a process's. */
#ifndef HADAL_CLI_TARGET_H
#define HADAL_CLI_TARGET_H

#include "kernel.h"

/* The memory of a target, and the kernel where that had to be found. */
struct cli_target {
	struct cli_kernel kernel; /* its kernel is NULL when it is not needed */
	struct hadal_page_cache *cache;
	struct hadal_space own_space;
	struct hadal_space *space; /* NULL: physical memory */
	bool user;                 /* the lower half of the space is meant */
};

/* with_kernel: find the kernel in any case. Says why when it cannot. */
bool cli_target_open(struct cli_target *target, const struct cli_where *where, bool with_kernel);
void cli_target_close(struct cli_target *target);

/* As hadal_kernel_missing, also where no kernel was needed. */
int cli_target_missing(struct cli_target *target, struct hadal_error *error);

/* What a command does with a target; its result is as that of cli_device_work. */
typedef int (*cli_target_work)(struct cli_target *target, void *options, struct hadal_error *error);
/* Opens the target, does the work and says why when it failed. Returns an exit code. */
int cli_target_run(const struct cli_where *where, bool with_kernel, cli_target_work work,
		   void *options);

/* Reads at most len bytes of the target. Returns the bytes read, or a negative errno. */
ssize_t cli_target_read(struct cli_target *target, uint64_t address, void *buffer, size_t len);

/*
 * The same, and physical memory of this system as where->flags say. *done: the bytes read, also on
 * failure. Returns 0 when these are all, or a negative errno with a sentence in error.
 */
int cli_target_piece(struct cli_target *target, const struct cli_where *where, uint64_t address,
		     void *buffer, size_t len, size_t *done, struct hadal_error *error);

/* HADAL_MEM_LA48 or _LA57 of its page tables. */
uint32_t cli_target_levels(const struct cli_target *target);

/*
 * An address as a user gives it: a number, a symbol of the kernel, or symbol+offset. A symbol, or a
 * number in the upper half, means the kernel's memory when the command line says nothing of where
 * (CLI_SPACE_DEFAULT, which becomes otherwise).
 */
bool cli_address_is_symbol(const char *text);
void cli_address_space(struct cli_where *where, const char *text, enum cli_space otherwise);
/* Returns 0, or a negative errno with a sentence in error. The target must have a kernel for a
 * symbol. */
int cli_address(struct cli_target *target, const struct cli_where *where, const char *text,
		uint64_t *address, struct hadal_error *error);

#endif
