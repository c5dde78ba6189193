/* SPDX-License-Identifier: MIT */
#ifndef HADAL_LIB_FILE_FILES_H
#define HADAL_LIB_FILE_FILES_H

#include "file/path.h"
#include "process/process.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a process has a file for. */
enum hadal_file_use {
	HADAL_FILE_EXE,  /* its program */
	HADAL_FILE_CWD,  /* its working directory */
	HADAL_FILE_ROOT, /* its root directory */
	HADAL_FILE_OPEN, /* a file descriptor */
};

struct hadal_file {
	enum hadal_file_use use;
	int32_t fd;    /* HADAL_FILE_OPEN only, else -1 */
	uint64_t file; /* address of its struct file; 0 for HADAL_FILE_CWD and _ROOT */
	bool readable; /* through this file: neither for O_PATH */
	bool writable;
	uint32_t flags; /* O_* as given to open, as far as they last */
	uint64_t position;
	uint32_t mode;  /* of the inode: S_IF* and permissions; no S_IF* for anonymous ones */
	uint64_t inode; /* its number */
	uint64_t private_data; /* of a socket its struct socket */
	const char *path;      /* as hadal_path_text tells it, until the visitor returns */
};

/* Called for every file of a process. Returns 0, or another value to end the walk. */
typedef int (*hadal_file_visit)(void *ctx, const struct hadal_process *process,
				const struct hadal_file *file);

/* Reads the files of processes. */
struct hadal_files;

/* The kernel must outlive the result. Returns NULL with a sentence in error. */
struct hadal_files *hadal_files_open(struct hadal_kernel *kernel, struct hadal_error *error);
/* NULL is fine. */
void hadal_files_close(struct hadal_files *files);

/*
 * Visits the program, the directories and the open files of a process in the order of enum
 * hadal_file_use. Adds to *lost how many could not be followed. Returns 0 or what visit ended with.
 */
int hadal_files_of(struct hadal_files *files, const struct hadal_process *process,
		   hadal_file_visit visit, void *ctx, size_t *lost);

/* The same for its sockets only, which costs much less than all files. */
int hadal_files_sockets_of(struct hadal_files *files, const struct hadal_process *process,
			   hadal_file_visit visit, void *ctx, size_t *lost);

/* "file", "dir", "pipe", "socket", "char", "block", "link" or "anon", by the mode of an
 * inode. */
const char *hadal_file_type_name(uint32_t mode);

#ifdef __cplusplus
}
#endif

#endif
