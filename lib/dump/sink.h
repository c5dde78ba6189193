/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_DUMP_SINK_H
#define HADAL_LIB_DUMP_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where a dump goes: a file that has its name only when it is whole, a device, a pipe or standard
 * output; compressed if wanted. In a regular file pages of zeros become holes.
 */
struct hadal_sink;

/*
 * Opens path, or standard output for "-". size is what will be written, before compression.
 * Returns 0 or a negative errno with a sentence in error.
 */
int hadal_sink_open(const char *path, bool compress, uint64_t size, struct hadal_sink **sink,
		    struct hadal_error *error);

/* Both return 0 or a negative errno with a sentence in error; -EINTR when a signal came. */
int hadal_sink_write(struct hadal_sink *sink, const void *bytes, size_t len,
		     struct hadal_error *error);
/* Zeros. */
int hadal_sink_skip(struct hadal_sink *sink, uint64_t len, struct hadal_error *error);

/* Ends the file and gives it its name; frees the sink in any case. */
int hadal_sink_commit(struct hadal_sink *sink, struct hadal_error *error);
/* Leaves nothing behind; what was there under the name stays. NULL is fine. */
void hadal_sink_abandon(struct hadal_sink *sink);

#ifdef __cplusplus
}
#endif

#endif
