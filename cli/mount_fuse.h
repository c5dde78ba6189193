/* SPDX-License-Identifier: MIT */
#ifndef HADAL_CLI_MOUNT_FUSE_H
#define HADAL_CLI_MOUNT_FUSE_H

#include "mount_files.h"

/*
 * Mounts the files on their directory, calls ready, and serves them until they are unmounted or
 * SIGINT, SIGTERM or SIGHUP comes. Returns 0, or a negative errno with a sentence in error.
 */
int mount_serve(struct mount_files *files, void (*ready)(void *context), void *context,
		struct hadal_error *error);

#endif
