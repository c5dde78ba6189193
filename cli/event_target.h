/* SPDX-License-Identifier: MIT */
/* Memory that a user names to watch it, or to break there. */
#ifndef HADAL_CLI_EVENT_TARGET_H
#define HADAL_CLI_EVENT_TARGET_H

#include "system/symbolize.h"
#include "target.h"

struct event_target {
	const char *name;          /* as the user wrote it */
	struct hadal_space *space; /* NULL: physical memory */
	uint64_t address;
	uint64_t length; /* of the variable or function; 0: not known */
	bool code;
	bool kernel; /* it is the kernel's memory, the same in all address spaces */
};

/*
 * text: a number, a symbol of the kernel or a module, symbol+offset, or an expression as `hadal
 * show` takes it, and then it is what that leads to. A number in the upper half is the kernel's,
 * others are where the command line says. Returns 0 or a negative errno.
 */
int event_target_find(struct cli_target *target, const struct cli_where *where,
		      struct hadal_symbolizer *symbolizer, const char *text,
		      struct event_target *found, struct hadal_error *error);

/* Physical memory that lies in one piece. */
struct event_piece {
	uint64_t first, count; /* bytes */
	uint64_t offset;       /* of its first byte from that of the target */
};

/*
 * Where the target lies, as it is mapped now. Returns the number of pieces or a negative errno:
 * -ENOSPC when there are more than most, -EFAULT when some of it is not mapped.
 */
int event_target_pieces(const struct event_target *target, struct event_piece *pieces, int most,
			struct hadal_error *error);

#endif
