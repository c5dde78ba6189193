// SPDX-License-Identifier: MIT
#include "file/files.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "walk/object.h"

/* fs.nr_open unless it was raised; a table that says it is longer is taken for damaged behind it.
 */
#define TABLE_LIMIT (1u << 20)
/* A table that holds so many pointers to what is no file is none. */
#define LOST_LIMIT 1000u
/* How many pointers of a table are read at a time. */
#define TABLE_PIECE 512u

/* Bits of file.f_mode, include/linux/fs.h. */
#define FMODE_READ  1u
#define FMODE_WRITE 2u

enum file_field { FILE_MODE, FILE_FLAGS, FILE_POSITION, FILE_INODE, FILE_PRIVATE, FILE_FIELDS };

static const struct hadal_field_request file_requests[FILE_FIELDS] = {
	[FILE_MODE] = {"file", {"f_mode"}, false},
	[FILE_FLAGS] = {"file", {"f_flags"}, false},
	[FILE_POSITION] = {"file", {"f_pos"}, false},
	[FILE_INODE] = {"file", {"f_inode"}, false},
	[FILE_PRIVATE] = {"file", {"private_data"}, false},
};

enum other_field {
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
	OTHER_FIELDS
};

static const struct hadal_field_request other_requests[OTHER_FIELDS] = {
	[TASK_FILES] = {"task_struct", {"files"}, false},
	[TASK_FS] = {"task_struct", {"fs"}, false},
	[FILES_TABLE] = {"files_struct", {"fdt"}, false},
	[TABLE_SIZE] = {"fdtable", {"max_fds"}, false},
	[TABLE_FILES] = {"fdtable", {"fd"}, false},
	[FS_ROOT] = {"fs_struct", {"root"}, false},
	[FS_CWD] = {"fs_struct", {"pwd"}, false},
	[PATH_DENTRY] = {"path", {"dentry"}, false},
	[DENTRY_INODE] = {"dentry", {"d_inode"}, false},
	[MM_EXE] = {"mm_struct", {"exe_file"}, false},
	[INODE_MODE] = {"inode", {"i_mode"}, false},
	[INODE_NUMBER] = {"inode", {"i_ino"}, false},
};

struct hadal_files {
	struct hadal_space *space;
	struct hadal_paths *paths;
	struct hadal_field file_fields[FILE_FIELDS];
	struct hadal_field other[OTHER_FIELDS];
	struct hadal_object file;
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

static uint64_t other_value(const struct hadal_files *files, enum other_field field,
			    uint64_t address)
{
	return hadal_field_read(files->space, &files->other[field], address);
}

static int visit_file(struct file_walk *walk, enum hadal_file_use use, int32_t fd, uint64_t address)
{
	struct hadal_files *files = walk->files;
	struct hadal_object *object = &files->file;
	struct hadal_file file = {.use = use, .fd = fd, .file = address, .path = files->path};
	uint64_t mode, inode;

	if (hadal_object_read(object, address)) {
		(*walk->lost)++;
		return 0;
	}
	inode = hadal_object_value(object, FILE_INODE);
	file.mode = other_value(files, INODE_MODE, inode);
	if (walk->sockets_only && !S_ISSOCK(file.mode))
		return 0;
	if (hadal_path_of_file(files->paths, address, files->path) < 0) {
		(*walk->lost)++;
		return 0;
	}
	mode = hadal_object_value(object, FILE_MODE);
	file.readable = mode & FMODE_READ;
	file.writable = mode & FMODE_WRITE;
	file.flags = hadal_object_value(object, FILE_FLAGS);
	file.position = hadal_object_value(object, FILE_POSITION);
	file.private = hadal_object_value(object, FILE_PRIVATE);
	file.inode = other_value(files, INODE_NUMBER, inode);
	return walk->visit(walk->ctx, walk->process, &file);
}

/* A directory by the address of its struct path. */
static int visit_directory(struct file_walk *walk, enum hadal_file_use use, uint64_t path)
{
	struct hadal_files *files = walk->files;
	struct hadal_file file = {.use = use, .fd = -1, .path = files->path};
	uint64_t inode = other_value(files, DENTRY_INODE, other_value(files, PATH_DENTRY, path));

	if (hadal_path_at(files->paths, path, files->path) < 0) {
		(*walk->lost)++;
		return 0;
	}
	file.mode = other_value(files, INODE_MODE, inode);
	file.inode = other_value(files, INODE_NUMBER, inode);
	return walk->visit(walk->ctx, walk->process, &file);
}

static int visit_directories(struct file_walk *walk, uint64_t fs)
{
	const struct hadal_field *fields = walk->files->other;
	int result = visit_directory(walk, HADAL_FILE_CWD, fs + fields[FS_CWD].offset);

	return result ? result
		      : visit_directory(walk, HADAL_FILE_ROOT, fs + fields[FS_ROOT].offset);
}

static int visit_table(struct file_walk *walk, uint64_t table)
{
	struct hadal_files *files = walk->files;
	uint64_t size = other_value(files, TABLE_SIZE, table);
	uint64_t array = other_value(files, TABLE_FILES, table);
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

		if (!at && hadal_space_read_exact(files->space, array + fd * sizeof(*pointers),
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
	uint64_t exe = other_value(files, MM_EXE, process->mm);
	uint64_t fs = other_value(files, TASK_FS, process->task);
	uint64_t open = other_value(files, TASK_FILES, process->task);
	int result = exe ? visit_file(&walk, HADAL_FILE_EXE, -1, exe) : 0;

	if (!result && fs)
		result = visit_directories(&walk, fs);
	if (!result && open)
		result = visit_table(&walk, other_value(files, FILES_TABLE, open));
	return result;
}

int hadal_files_sockets_of(struct hadal_files *files, const struct hadal_process *process,
			   hadal_file_visit visit, void *ctx, size_t *lost)
{
	struct file_walk walk = {files, process, visit, ctx, lost, true};
	uint64_t open = other_value(files, TASK_FILES, process->task);

	return open ? visit_table(&walk, other_value(files, FILES_TABLE, open)) : 0;
}

static int open_files(struct hadal_files *files, struct hadal_kernel *kernel,
		      struct hadal_error *error)
{
	int result =
		hadal_kernel_fields(kernel, file_requests, FILE_FIELDS, files->file_fields, error);

	if (!result)
		result = hadal_kernel_fields(kernel, other_requests, OTHER_FIELDS, files->other,
					     error);
	if (!result)
		result = hadal_object_init(&files->file, files->space, files->file_fields,
					   FILE_FIELDS, "struct file", error);
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
	files->space = hadal_kernel_space(kernel);
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
	hadal_object_free(&files->file);
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
