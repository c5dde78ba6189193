// SPDX-License-Identifier: MIT
/* The files of a mount, through FUSE. Calls come from several threads. */
#define FUSE_USE_VERSION 312

#include "mount_fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <fuse3/fuse.h>

static time_t mounted_at;
/* What libfuse said last. */
static char complaint[256];

static struct mount_files *served(void)
{
	return fuse_get_context()->private_data;
}

static struct mount_file *file_of(const struct fuse_file_info *info)
{
	return (struct mount_file *)(uintptr_t)info->fh;
}

/*
 * This system's memory changes all the time, an image and a text do not. By the time of change,
 * asked for at each read, the kernel sees that what it has in its page cache is old.
 */
static bool is_live(const struct mount_file *file)
{
	return file->view && served()->source.memory.hadal;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *info)
{
	struct mount_file *file;
	int64_t size;

	*st = (struct stat){
		.st_mode = S_IFDIR | 0500,
		.st_nlink = 2,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_mtim.tv_sec = mounted_at,
	};
	if (!info && !strcmp(path, "/"))
		return 0;
	file = info ? file_of(info) : mount_files_find(served(), path + 1);
	size = file ? mount_file_size(served(), file) : -ENOENT;
	if (size < 0)
		return size;
	st->st_mode = S_IFREG | 0400;
	st->st_nlink = 1;
	st->st_size = size;
	if (is_live(file))
		clock_gettime(CLOCK_REALTIME, &st->st_mtim);
	return 0;
}

static int read_directory(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
			  struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
	const struct mount_files *files = served();

	(void)path;
	(void)offset;
	(void)info;
	(void)flags;
	fill(buf, ".", NULL, 0, 0);
	fill(buf, "..", NULL, 0, 0);
	for (size_t i = 0; i < files->count; i++)
		fill(buf, files->files[i].name, NULL, 0, 0);
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *info)
{
	struct mount_file *file = mount_files_find(served(), path + 1);
	int64_t size = file ? mount_file_size(served(), file) : -ENOENT;

	if (size < 0)
		return size;
	info->fh = (uintptr_t)file;
	/*
	 * A copy in the page cache would be old, and would overwrite free memory that somebody may
	 * want to see. Without it the file cannot be mapped shared, though, before Linux 6.6.
	 */
	info->direct_io = is_live(file) && !served()->cached;
	info->keep_cache = !is_live(file);
	return 0;
}

static int read_file(const char *path, char *buf, size_t len, off_t offset,
		     struct fuse_file_info *info)
{
	(void)path;
	return mount_file_read(served(), file_of(info), offset, buf, len);
}

static off_t seek_file(const char *path, off_t offset, int whence, struct fuse_file_info *info)
{
	(void)path;
	return mount_file_seek(served(), file_of(info), offset, whence);
}

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->nullpath_ok = 1;
	config->attr_timeout = 0;
	return fuse_get_context()->private_data;
}

static const struct fuse_operations operations = {
	.init = begin,
	.getattr = get_attributes,
	.readdir = read_directory,
	.open = open_file,
	.read = read_file,
	.lseek = seek_file,
};

static void keep_complaint(enum fuse_log_level level, const char *format, va_list arguments)
{
	if (level > FUSE_LOG_WARNING)
		return;
	vsnprintf(complaint, sizeof(complaint), format, arguments);
	complaint[strcspn(complaint, "\n")] = 0;
}

static int fail(const struct mount_files *files, int code, struct hadal_error *error)
{
	return hadal_fail(error, code, "Cannot mount on %s: %s", files->directory,
			  *complaint ? complaint : strerror(code));
}

int mount_serve(struct mount_files *files, void (*ready)(void *context), void *context,
		struct hadal_error *error)
{
	char *argv[] = {"hadal", "-o", "ro,noexec,default_permissions,fsname=hadal,subtype=hadal",
			NULL};
	struct fuse_args arguments = FUSE_ARGS_INIT(3, argv);
	struct fuse *fuse;
	int result;

	fuse_set_log_func(keep_complaint);
	mounted_at = time(NULL);
	fuse = fuse_new(&arguments, &operations, sizeof(operations), files);
	if (!fuse)
		return fail(files, EIO, error);
	if (fuse_set_signal_handlers(fuse_get_session(fuse)) ||
	    fuse_mount(fuse, files->directory)) {
		result = fail(files, EIO, error);
	} else {
		ready(context);
		result = fuse_loop_mt(fuse, NULL);
		fuse_unmount(fuse);
		/* Above 0 is the signal that ended it. */
		result = result < 0 ? fail(files, -result, error) : 0;
	}
	fuse_remove_signal_handlers(fuse_get_session(fuse));
	fuse_destroy(fuse);
	return result;
}
