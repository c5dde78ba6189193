/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_FILE_MOUNTS_H
#define HADAL_LIB_FILE_MOUNTS_H

#include "file/path.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HADAL_MOUNT_WORDS_MAX 256

/* A mounted file system, or a part of one (struct mount). Texts last until visit returns. */
struct hadal_mount {
	uint64_t mount; /* address of its struct mount */
	int32_t id, parent;
	uint32_t major, minor;
	const char *root;                    /* the directory of the file system that is mounted */
	const char *path;                    /* where, from the root of the mount namespace on */
	const char *source;                  /* a device, or what mount was told instead of one */
	char type[HADAL_MOUNT_WORDS_MAX];    /* "ext4", "fuse.sshfs" */
	char options[HADAL_MOUNT_WORDS_MAX]; /* "rw,nosuid", of this mount */
	char super_options[HADAL_MOUNT_WORDS_MAX]; /* of the file system, those that all have */
	int32_t shared, master; /* peer groups that it shares with and gets from; 0: none */
	bool unbindable;
};

/* Returns 0, or another value to end the walk. */
typedef int (*hadal_mount_visit)(void *ctx, const struct hadal_mount *mount);

/* Reads the mounts of namespaces. */
struct hadal_mounts;

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_mounts *hadal_mounts_open(struct hadal_kernel *kernel, struct hadal_error *error);
/* NULL is fine. */
void hadal_mounts_close(struct hadal_mounts *mounts);

/*
 * Visits the mounts in a namespace, by the address of its struct mnt_namespace, in the kernel's
 * order. Kernels up to 6.7 keep them in a list, later ones in a tree. Adds to *lost the places
 * where some may be missing. Returns 0, what visit ended the walk with, or a negative errno with a
 * sentence in error.
 */
int hadal_mounts_of(struct hadal_mounts *mounts, uint64_t mnt_namespace, hadal_mount_visit visit,
		    void *ctx, size_t *lost, struct hadal_error *error);

#ifdef __cplusplus
}
#endif

#endif
