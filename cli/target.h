/* SPDX-License-Identifier: MIT */
/* Whose memory a command looks at: the machine's, the kernel's or a process's. */
#ifndef HADAL_CLI_TARGET_H
#define HADAL_CLI_TARGET_H

#include "kernel.h"

enum cli_target_kind {
	CLI_TARGET_PHYSICAL,
	CLI_TARGET_KERNEL,
	CLI_TARGET_PROCESS,
	CLI_TARGET_ROOT,
};

struct cli_target {
	enum cli_target_kind kind; /* the command's default at first */
	uint64_t pid;
	uint64_t root;  /* a value of CR3 */
	uint32_t flags; /* HADAL_MEM_LA48 or _LA57 when the levels below it were given */
	struct cli_view view;
};

/* --physical, --kernel, --pid, --root, --levels, --image, --json; input: struct cli_target */
extern const struct argp_child cli_target_options[];

/* The memory of a target, and the kernel where that had to be found. */
struct cli_target_source {
	struct cli_kernel kernel; /* its kernel is NULL when it is not needed */
	struct hadal_page_cache *cache;
	struct hadal_space own_space;
	struct hadal_space *space; /* NULL: physical memory */
	bool user;                 /* the lower half of the space is meant */
};

/* with_kernel: find the kernel in any case. Says why when it cannot. */
bool cli_target_open(struct cli_target_source *source, const struct cli_target *target,
		     bool with_kernel);
void cli_target_close(struct cli_target_source *source);

#endif
