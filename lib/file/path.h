/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_FILE_PATH_H
#define HADAL_LIB_FILE_PATH_H

#include <string.h>

#include "kernel/kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As long as the kernel's own, PATH_MAX, with what is put before or behind it. */
#define HADAL_PATH_MAX (4096 + 32)
/* Begins a path that is longer than that, and whose beginning is cut; no whole path begins so. */
#define HADAL_PATH_CUT "..."

/*
 * Turns a struct path of the kernel into text: up from its dentry, and over from each mount's root
 * to where that is mounted, to the root of the mount namespace. The text is that of the links in
 * /proc/PID/fd: "/a/file", "/a/file (deleted)", "pipe:[8]", "socket:[9]", "anon_inode:[eventfd]",
 * "net:[4026531840]", "/memfd:name (deleted)"; not escaped, and as hostile as the machine is.
 */
struct hadal_paths;

static inline bool hadal_path_is_cut(const char *path)
{
	return !strncmp(path, HADAL_PATH_CUT, strlen(HADAL_PATH_CUT));
}

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_paths *hadal_paths_open(struct hadal_kernel *kernel, struct hadal_error *error);
/* NULL is fine. */
void hadal_paths_close(struct hadal_paths *paths);

/*
 * The path of a dentry seen through a mount, by the addresses of struct vfsmount and struct dentry;
 * with vfsmount 0 the path inside its file system. Returns its length, or a negative errno when
 * it could not be followed to the end: text then is "?", or as much as was found after a "?".
 */
ssize_t hadal_path_text(struct hadal_paths *paths, uint64_t vfsmount, uint64_t dentry,
			char text[HADAL_PATH_MAX]);

/* The same by the address of a struct path, such as those in struct fs_struct. */
ssize_t hadal_path_at(struct hadal_paths *paths, uint64_t path, char text[HADAL_PATH_MAX]);

/* The same by the address of an open struct file. */
ssize_t hadal_path_of_file(struct hadal_paths *paths, uint64_t file, char text[HADAL_PATH_MAX]);

#ifdef __cplusplus
}
#endif

#endif
