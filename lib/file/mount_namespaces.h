/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_FILE_MOUNT_NAMESPACES_H
#define HADAL_LIB_FILE_MOUNT_NAMESPACES_H

#include "process/namespaces.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hadal_namespace_list {
	struct hadal_namespace *items;
	size_t count;
	size_t lost; /* places where the kernel's lists could not be followed */
};

/*
 * Lists the mount namespaces that something is mounted in, whether or not a process is in them:
 * every file system knows where it is mounted. Returns 0 or a negative errno with a sentence in
 * error; free the list in either case.
 */
int hadal_mount_namespaces(struct hadal_kernel *kernel, struct hadal_namespace_list *list,
			   struct hadal_error *error);
void hadal_mount_namespaces_free(struct hadal_namespace_list *list);

#ifdef __cplusplus
}
#endif

#endif
