// SPDX-License-Identifier: MIT
#include "file/path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk/object.h"

#define NAME_LIMIT 255 /* NAME_MAX */
/* Components of one letter fill PATH_MAX with half as many; the rest is for crossings of mounts. */
#define STEP_LIMIT (4096 / 2 + 512)
/* Enough for the names of the file systems below. */
#define TYPE_NAME_MAX 32

enum dentry_field { PARENT, NAME, NAME_LEN, INODE, OPERATIONS, SUPER_BLOCK, HASHED, DENTRY_FIELDS };

static const struct hadal_field_request dentry_requests[DENTRY_FIELDS] = {
	[PARENT] = {"dentry", {"d_parent"}, false},     [NAME] = {"dentry", {"d_name.name"}, false},
	[NAME_LEN] = {"dentry", {"d_name.len"}, false}, [INODE] = {"dentry", {"d_inode"}, false},
	[OPERATIONS] = {"dentry", {"d_op"}, false},     [SUPER_BLOCK] = {"dentry", {"d_sb"}, false},
	[HASHED] = {"dentry", {"d_hash.pprev"}, false},
};

enum mount_field { VFSMOUNT, MOUNT_ROOT, MOUNT_PARENT, MOUNTPOINT, MOUNT_FIELDS };

static const struct hadal_field_request mount_requests[MOUNT_FIELDS] = {
	[VFSMOUNT] = {"mount", {"mnt"}, false},
	[MOUNT_ROOT] = {"mount", {"mnt.mnt_root"}, false},
	[MOUNT_PARENT] = {"mount", {"mnt_parent"}, false},
	[MOUNTPOINT] = {"mount", {"mnt_mountpoint"}, false},
};

enum other_field {
	FILE_PATH,
	PATH_MOUNT,
	PATH_DENTRY,
	SUPER_TYPE,
	TYPE_NAME,
	MAKES_NAME,
	INODE_NUMBER,
	INODE_PRIVATE,
	NAMESPACE_OPERATIONS,
	NAMESPACE_NAME,
	OTHER_FIELDS
};

static const struct hadal_field_request other_requests[OTHER_FIELDS] = {
	[FILE_PATH] = {"file", {"f_path"}, false},
	[PATH_MOUNT] = {"path", {"mnt"}, false},
	[PATH_DENTRY] = {"path", {"dentry"}, false},
	[SUPER_TYPE] = {"super_block", {"s_type"}, false},
	[TYPE_NAME] = {"file_system_type", {"name"}, false},
	[MAKES_NAME] = {"dentry_operations", {"d_dname"}, false},
	[INODE_NUMBER] = {"inode", {"i_ino"}, false},
	[INODE_PRIVATE] = {"inode", {"i_private"}, false},
	[NAMESPACE_OPERATIONS] = {"ns_common", {"ops"}, true},
	[NAMESPACE_NAME] = {"proc_ns_operations", {"name"}, true},
};

struct hadal_paths {
	struct hadal_space *space;
	struct hadal_field dentry_fields[DENTRY_FIELDS];
	struct hadal_field mount_fields[MOUNT_FIELDS];
	struct hadal_field other[OTHER_FIELDS];
	struct hadal_object dentry;
	struct hadal_object mount;
};

/* A path in the making, filled from its end. */
struct text {
	char *start; /* of the buffer */
	char *at;    /* of what there is already */
};

static int prepend(struct text *text, const char *piece, size_t len)
{
	/* The first byte is kept for the "?" of a path that breaks. */
	if (len > (size_t)(text->at - text->start) - 1)
		return -ENAMETOOLONG;
	text->at -= len;
	memcpy(text->at, piece, len);
	return 0;
}

static uint64_t other_value(const struct hadal_paths *paths, enum other_field field,
			    uint64_t address)
{
	return hadal_field_read(paths->space, &paths->other[field], address);
}

/* Reads the name of the dentry at hand. Returns its length. */
static ssize_t read_name(const struct hadal_paths *paths, char name[NAME_LIMIT])
{
	uint64_t len = hadal_object_value(&paths->dentry, NAME_LEN);
	int error;

	if (len > NAME_LIMIT)
		return -EINVAL;
	error = hadal_space_read_exact(paths->space, hadal_object_value(&paths->dentry, NAME), name,
				       len);
	return error ? error : (ssize_t)len;
}

static int prepend_name(const struct hadal_paths *paths, struct text *text)
{
	char name[1 + NAME_LIMIT] = "/";
	ssize_t len = read_name(paths, name + 1);

	if (len <= 0)
		return len ? len : -EINVAL;
	return prepend(text, name, 1 + len);
}

/* From a mount's root to the place where it is mounted. Returns 1 when it is mounted nowhere. */
static int leave_mount(const struct hadal_paths *paths, uint64_t *mount, uint64_t *dentry)
{
	uint64_t parent = hadal_object_value(&paths->mount, MOUNT_PARENT);

	if (parent == *mount)
		return 1;
	*mount = parent;
	*dentry = hadal_object_value(&paths->mount, MOUNTPOINT);
	return 0;
}

/* Prepends all names up to the root. mount: address of the struct mount; 0 for the inside only. */
static int walk_up(struct hadal_paths *paths, uint64_t mount, uint64_t dentry, struct text *text)
{
	char *end = text->at;

	if (mount && hadal_object_read(&paths->mount, mount))
		return -EFAULT;
	for (int i = 0; i < STEP_LIMIT; i++) {
		uint64_t parent;
		int result;

		if (mount && dentry == hadal_object_value(&paths->mount, MOUNT_ROOT)) {
			if (leave_mount(paths, &mount, &dentry))
				return text->at == end ? prepend(text, "/", 1) : 0;
			if (hadal_object_read(&paths->mount, mount))
				return -EFAULT;
			continue;
		}
		if (hadal_object_read(&paths->dentry, dentry))
			return -EFAULT;
		parent = hadal_object_value(&paths->dentry, PARENT);
		/* A file system's own root; through a mount it is reached only by escaping from it.
		 */
		if (parent == dentry)
			return text->at == end ? prepend(text, "/", 1) : 0;
		result = prepend_name(paths, text);
		if (result)
			return result;
		dentry = parent;
	}
	return -ELOOP;
}

/* "net", "pid" and so on, of the namespace that an inode of nsfs stands for. */
static void namespace_name(const struct hadal_paths *paths, uint64_t inode, char *name, size_t size)
{
	uint64_t common = other_value(paths, INODE_PRIVATE, inode);
	uint64_t operations = other_value(paths, NAMESPACE_OPERATIONS, common);
	uint64_t at = other_value(paths, NAMESPACE_NAME, operations);

	if (hadal_space_read_string(paths->space, at, name, size) <= 0)
		snprintf(name, size, "?");
}

/*
 * What has no place in any directory makes its name itself (dentry_operations.d_dname); here the
 * file system tells what it would do. 5.10 to 6.8 have pidfds in anon_inodefs, later pidfs.
 */
static int prepend_made_name(const struct hadal_paths *paths, struct text *text)
{
	uint64_t inode = hadal_object_value(&paths->dentry, INODE);
	uint64_t number = other_value(paths, INODE_NUMBER, inode);
	uint64_t type =
		other_value(paths, SUPER_TYPE, hadal_object_value(&paths->dentry, SUPER_BLOCK));
	char type_name[TYPE_NAME_MAX], name[NAME_LIMIT], made[NAME_LIMIT + TYPE_NAME_MAX];
	ssize_t name_len = read_name(paths, name);
	int len;

	if (name_len < 0)
		return name_len;
	if (hadal_space_read_string(paths->space, other_value(paths, TYPE_NAME, type), type_name,
				    sizeof(type_name)) <= 0)
		return -EFAULT;
	if (!strcmp(type_name, "pipefs")) {
		len = snprintf(made, sizeof(made), "pipe:[%" PRIu64 "]", number);
	} else if (!strcmp(type_name, "sockfs")) {
		len = snprintf(made, sizeof(made), "socket:[%" PRIu64 "]", number);
	} else if (!strcmp(type_name, "nsfs")) {
		namespace_name(paths, inode, type_name, sizeof(type_name));
		len = snprintf(made, sizeof(made), "%s:[%" PRIu64 "]", type_name, number);
	} else if (!strcmp(type_name, "pidfs")) {
		len = snprintf(made, sizeof(made), "anon_inode:[pidfd]");
	} else if (!strcmp(type_name, "anon_inodefs")) {
		len = snprintf(made, sizeof(made), "anon_inode:%.*s", (int)name_len, name);
	} else {
		len = snprintf(made, sizeof(made), "/%.*s (deleted)", (int)name_len, name);
	}
	return prepend(text, made, len);
}

static bool is_mount_root(const struct hadal_paths *paths, uint64_t mount, uint64_t dentry)
{
	return hadal_field_read(paths->space, &paths->mount_fields[MOUNT_ROOT], mount) == dentry;
}

static int make_text(struct hadal_paths *paths, uint64_t vfsmount, uint64_t dentry,
		     struct text *text)
{
	uint64_t mount = vfsmount ? vfsmount - paths->mount_fields[VFSMOUNT].offset : 0;
	uint64_t operations;
	bool is_root;
	int result = hadal_object_read(&paths->dentry, dentry);

	if (result)
		return result;
	is_root = hadal_object_value(&paths->dentry, PARENT) == dentry;
	operations = hadal_object_value(&paths->dentry, OPERATIONS);
	if (operations && other_value(paths, MAKES_NAME, operations) &&
	    !(is_root && is_mount_root(paths, mount, dentry)))
		return prepend_made_name(paths, text);
	if (!is_root && !hadal_object_value(&paths->dentry, HASHED))
		prepend(text, " (deleted)", strlen(" (deleted)"));
	return walk_up(paths, mount, dentry, text);
}

ssize_t hadal_path_text(struct hadal_paths *paths, uint64_t vfsmount, uint64_t dentry,
			char buffer[HADAL_PATH_MAX])
{
	struct text text = {.start = buffer};
	size_t len;
	int result;

	/* A path that breaks may just have been renamed. */
	for (int retry = 0; retry < 2; retry++) {
		text.at = buffer + HADAL_PATH_MAX - 1;
		*text.at = '\0';
		result = make_text(paths, vfsmount, dentry, &text);
		if (!result)
			break;
		hadal_space_flush(paths->space);
	}
	if (result)
		*--text.at = '?';
	len = buffer + HADAL_PATH_MAX - 1 - text.at;
	memmove(buffer, text.at, len + 1);
	return result ? result : (ssize_t)len;
}

ssize_t hadal_path_at(struct hadal_paths *paths, uint64_t path, char text[HADAL_PATH_MAX])
{
	uint64_t vfsmount = other_value(paths, PATH_MOUNT, path);

	if (vfsmount)
		return hadal_path_text(paths, vfsmount, other_value(paths, PATH_DENTRY, path),
				       text);
	strcpy(text, "?");
	return -EFAULT;
}

ssize_t hadal_path_of_file(struct hadal_paths *paths, uint64_t file, char text[HADAL_PATH_MAX])
{
	return hadal_path_at(paths, file + paths->other[FILE_PATH].offset, text);
}

static int open_paths(struct hadal_paths *paths, struct hadal_kernel *kernel,
		      struct hadal_error *error)
{
	int result = hadal_kernel_fields(kernel, dentry_requests, DENTRY_FIELDS,
					 paths->dentry_fields, error);

	if (!result)
		result = hadal_kernel_fields(kernel, mount_requests, MOUNT_FIELDS,
					     paths->mount_fields, error);
	if (!result)
		result = hadal_kernel_fields(kernel, other_requests, OTHER_FIELDS, paths->other,
					     error);
	if (!result)
		result = hadal_object_init(&paths->dentry, paths->space, paths->dentry_fields,
					   DENTRY_FIELDS, "struct dentry", error);
	if (!result)
		result = hadal_object_init(&paths->mount, paths->space, paths->mount_fields,
					   MOUNT_FIELDS, "struct mount", error);
	return result;
}

struct hadal_paths *hadal_paths_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_paths *paths = calloc(1, sizeof(*paths));

	if (!paths) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	paths->space = hadal_kernel_space(kernel);
	if (!open_paths(paths, kernel, error))
		return paths;
	hadal_paths_close(paths);
	return NULL;
}

void hadal_paths_close(struct hadal_paths *paths)
{
	if (!paths)
		return;
	hadal_object_free(&paths->dentry);
	hadal_object_free(&paths->mount);
	free(paths);
}
