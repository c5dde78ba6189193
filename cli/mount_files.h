/* SPDX-License-Identifier: MIT */
/* The files of a mounted directory: memory in the layouts of dumps, and profiles of the kernel. */
#ifndef HADAL_CLI_MOUNT_FILES_H
#define HADAL_CLI_MOUNT_FILES_H

#include <pthread.h>

#include "dump_source.h"

#define MOUNT_FILES_MAX 6

struct mount_files;

/* A file is memory in some layout, or a text that is made when its size or content is wanted. */
struct mount_file {
	const char *name;
	struct hadal_view *view; /* NULL: a text */
	int (*write)(const struct mount_files *files, FILE *out, struct hadal_error *error);
	char *text; /* NULL: not made yet */
	size_t text_size;
};

/* The functions below may be called by several threads, but for opening and closing. */
struct mount_files {
	struct dump_source source;
	bool cached;           /* let the page cache have this system's memory */
	bool is_image;         /* and not this system */
	const char *directory; /* where they are mounted, absolute */
	pthread_mutex_t lock;  /* of making texts: the kernel is for one thread at a time */
	size_t count;
	struct mount_file files[MOUNT_FILES_MAX];
};

/*
 * image: NULL for this system. Says why when it cannot. Where no kernel is found, there are no
 * profiles.
 */
bool mount_files_open(struct mount_files *files, const char *image, const char *directory);
void mount_files_close(struct mount_files *files);

/* NULL when there is none of that name. */
struct mount_file *mount_files_find(struct mount_files *files, const char *name);

/* In bytes, or a negative errno when the text cannot be made (stderr says why). */
int64_t mount_file_size(struct mount_files *files, struct mount_file *file);

/* The bytes read, fewer than len only at the end, or a negative errno as above. */
ssize_t mount_file_read(struct mount_files *files, struct mount_file *file, uint64_t offset,
			void *buf, size_t len);

/* As lseek() with SEEK_HOLE or SEEK_DATA: an offset, or -ENXIO or -EINVAL. */
int64_t mount_file_seek(struct mount_files *files, struct mount_file *file, uint64_t offset,
			int whence);

#endif
