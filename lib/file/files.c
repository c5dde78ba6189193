// SPDX-License-Identifier: MIT
/* The files that a process has open, and its program and directories. */
#include "file/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "walk/plan.h"

/* Far above fs.nr_open as it is unless raised; what is longer is taken for damaged behind it. */
#define TABLE_LIMIT (1u << 27)
/* A table that holds so many pointers to what is no file is none. */
#define LOST_LIMIT 1000u
/* How many pointers of a table are read at a time. */
#define TABLE_PIECE 512u

/* Bits of file.f_mode, include/linux/fs.h. */
#define FMODE_READ  1u
#define FMODE_WRITE 2u

enum need {
	FILE_OBJECT,
	FILE_MODE,
	FILE_FLAGS,
	FILE_POSITION,
	FILE_INODE,
	FILE_PRIVATE,
	TASK_FILES,
	TASK_FS,
	FILES_TABLE,
	TABLE_SIZE,
	TABLE_FILES,
	FS_ROOT,
	FS_CWD,
	PATH_DENTRY,
	DENTRY_INODE,
	MM_EXE,
	INODE_MODE,
	INODE_NUMBER,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[FILE_OBJECT] = {HADAL_OBJECT("file")},
	[FILE_MODE] = {HADAL_MEMBER("file", "f_mode")},
	[FILE_FLAGS] = {HADAL_MEMBER("file", "f_flags")},
	[FILE_POSITION] = {HADAL_MEMBER("file", "f_pos")},
	[FILE_INODE] = {HADAL_MEMBER("file", "f_inode")},
	[FILE_PRIVATE] = {HADAL_MEMBER("file", "private_data")},
	[TASK_FILES] = {HADAL_MEMBER("task_struct", "files")},
	[TASK_FS] = {HADAL_MEMBER("task_struct", "fs")},
	[FILES_TABLE] = {HADAL_MEMBER("files_struct", "fdt")},
	[TABLE_SIZE] = {HADAL_MEMBER("fdtable", "max_fds")},
	[TABLE_FILES] = {HADAL_MEMBER("fdtable", "fd")},
	[FS_ROOT] = {HADAL_MEMBER("fs_struct", "root")},
	[FS_CWD] = {HADAL_MEMBER("fs_struct", "pwd")},
	[PATH_DENTRY] = {HADAL_MEMBER("path", "dentry")},
	[DENTRY_INODE] = {HADAL_MEMBER("dentry", "d_inode")},
	[MM_EXE] = {HADAL_MEMBER("mm_struct", "exe_file")},
	[INODE_MODE] = {HADAL_MEMBER("inode", "i_mode")},
	[INODE_NUMBER] = {HADAL_MEMBER("inode", "i_ino")},
};

struct hadal_files {
	struct hadal_plan plan;
	struct hadal_paths *paths;
	char path[HADAL_PATH_MAX];
};

/* The walk over the files of one process. */
struct file_walk {
	struct hadal_files *files;
	const struct hadal_process *process;
	hadal_file_visit visit;
	void *ctx;
	size_t *lost;
	bool sockets_only;
};

static int visit_file(struct file_walk *walk, enum hadal_file_use use, int32_t fd, uint64_t address)
{
	struct hadal_files *files = walk->files;
	struct hadal_object *object = &files->plan.objects[FILE_OBJECT];
	struct hadal_file file = {.use = use, .fd = fd, .file = address, .path = files->path};
	uint64_t mode, inode;

	if (hadal_object_read(object, address)) {
		(*walk->lost)++;
		return 0;
	}
	inode = hadal_object_value(object, FILE_INODE);
	file.mode = hadal_plan_read(&files->plan, INODE_MODE, inode);
	if (walk->sockets_only && !S_ISSOCK(file.mode))
		return 0;
	/* Then the path tells so by itself. */
	if (hadal_path_of_file(files->paths, address, files->path) < 0)
		(*walk->lost)++;
	mode = hadal_object_value(object, FILE_MODE);
	file.readable = mode & FMODE_READ;
	file.writable = mode & FMODE_WRITE;
	file.flags = hadal_object_value(object, FILE_FLAGS);
	file.position = hadal_object_value(object, FILE_POSITION);
	file.private_data = hadal_object_value(object, FILE_PRIVATE);
	file.inode = hadal_plan_read(&files->plan, INODE_NUMBER, inode);
	return walk->visit(walk->ctx, walk->process, &file);
}

/* A directory by the address of its struct path. */
static int visit_directory(struct file_walk *walk, enum hadal_file_use use, uint64_t path)
{
	struct hadal_files *files = walk->files;
	struct hadal_file file = {.use = use, .fd = -1, .path = files->path};
	uint64_t inode = hadal_plan_read(&files->plan, DENTRY_INODE,
					 hadal_plan_read(&files->plan, PATH_DENTRY, path));

	if (hadal_path_at(files->paths, path, files->path) < 0)
		(*walk->lost)++;
	file.mode = hadal_plan_read(&files->plan, INODE_MODE, inode);
	file.inode = hadal_plan_read(&files->plan, INODE_NUMBER, inode);
	return walk->visit(walk->ctx, walk->process, &file);
}

static int visit_directories(struct file_walk *walk, uint64_t fs)
{
	const struct hadal_plan *plan = &walk->files->plan;
	int result = visit_directory(walk, HADAL_FILE_CWD, fs + hadal_plan_offset(plan, FS_CWD));

	return result ? result
		      : visit_directory(walk, HADAL_FILE_ROOT,
					fs + hadal_plan_offset(plan, FS_ROOT));
}

static int visit_table(struct file_walk *walk, uint64_t table)
{
	struct hadal_files *files = walk->files;
	uint64_t size = hadal_plan_read(&files->plan, TABLE_SIZE, table);
	uint64_t array = hadal_plan_read(&files->plan, TABLE_FILES, table);
	uint64_t pointers[TABLE_PIECE];
	size_t lost_before = *walk->lost;

	if (size > TABLE_LIMIT || !array) {
		(*walk->lost)++;
		size = array ? TABLE_LIMIT : 0;
	}
	for (uint32_t fd = 0; fd < size && *walk->lost - lost_before < LOST_LIMIT; fd++) {
		uint32_t at = fd % TABLE_PIECE;
		uint32_t count = size - fd < TABLE_PIECE ? size - fd : TABLE_PIECE;
		int result;

		if (!at && hadal_space_read_exact(files->plan.space, array + fd * sizeof(*pointers),
						  pointers, count * sizeof(*pointers))) {
			(*walk->lost)++;
			return 0;
		}
		result = pointers[at] ? visit_file(walk, HADAL_FILE_OPEN, fd, pointers[at]) : 0;
		if (result)
			return result;
	}
	return 0;
}

int hadal_files_of(struct hadal_files *files, const struct hadal_process *process,
		   hadal_file_visit visit, void *ctx, size_t *lost)
{
	struct file_walk walk = {files, process, visit, ctx, lost, false};
	/* A process that has ended, and is not waited for yet, has none of these. */
	uint64_t exe = hadal_plan_read(&files->plan, MM_EXE, process->mm);
	uint64_t fs = hadal_plan_read(&files->plan, TASK_FS, process->task);
	uint64_t open = hadal_plan_read(&files->plan, TASK_FILES, process->task);
	int result = exe ? visit_file(&walk, HADAL_FILE_EXE, -1, exe) : 0;

	if (!result && fs)
		result = visit_directories(&walk, fs);
	if (!result && open)
		result = visit_table(&walk, hadal_plan_read(&files->plan, FILES_TABLE, open));
	return result;
}

int hadal_files_sockets_of(struct hadal_files *files, const struct hadal_process *process,
			   hadal_file_visit visit, void *ctx, size_t *lost)
{
	struct file_walk walk = {files, process, visit, ctx, lost, true};
	uint64_t open = hadal_plan_read(&files->plan, TASK_FILES, process->task);

	return open ? visit_table(&walk, hadal_plan_read(&files->plan, FILES_TABLE, open)) : 0;
}

static int open_files(struct hadal_files *files, struct hadal_kernel *kernel,
		      struct hadal_error *error)
{
	int result = hadal_plan_open(&files->plan, kernel, needs, NEEDS, error);

	if (result)
		return result;
	files->paths = hadal_paths_open(kernel, error);
	return files->paths ? 0 : -ENOENT;
}

struct hadal_files *hadal_files_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_files *files = calloc(1, sizeof(*files));

	if (!files) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!open_files(files, kernel, error))
		return files;
	hadal_files_close(files);
	return NULL;
}

void hadal_files_close(struct hadal_files *files)
{
	if (!files)
		return;
	hadal_paths_close(files->paths);
	hadal_plan_close(&files->plan);
	free(files);
}

const char *hadal_file_type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "dir";
	case S_IFIFO:
		return "pipe";
	case S_IFSOCK:
		return "socket";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFLNK:
		return "link";
	default:
		return "anon";
	}
}
