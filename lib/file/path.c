// SPDX-License-Identifier: MIT
/* The kernel's paths as text: up from a name to the root, over mounts. */
#include "file/path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"

#define NAME_LIMIT 4095 /* PATH_MAX; NAME_MAX is not the limit of all: vfat has longer ones */
/* Components of one letter fill PATH_MAX with half as many; the rest is for crossings of mounts. */
#define STEP_LIMIT (4096 / 2 + 512)
/* Enough for the names of the file systems below. */
#define TYPE_NAME_MAX 32

enum need {
	DENTRY,
	MOUNT,
	PARENT,
	NAME,
	NAME_LEN,
	INODE,
	OPERATIONS,
	SUPER_BLOCK,
	HASHED,
	VFSMOUNT,
	MOUNT_ROOT,
	MOUNT_PARENT,
	MOUNTPOINT,
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
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[DENTRY] = {HADAL_OBJECT("dentry")},
	[MOUNT] = {HADAL_OBJECT("mount")},
	[PARENT] = {HADAL_MEMBER("dentry", "d_parent")},
	[NAME] = {HADAL_MEMBER("dentry", "d_name.name")},
	[NAME_LEN] = {HADAL_MEMBER("dentry", "d_name.len")},
	[INODE] = {HADAL_MEMBER("dentry", "d_inode")},
	[OPERATIONS] = {HADAL_MEMBER("dentry", "d_op")},
	[SUPER_BLOCK] = {HADAL_MEMBER("dentry", "d_sb")},
	[HASHED] = {HADAL_MEMBER("dentry", "d_hash.pprev")},
	[VFSMOUNT] = {HADAL_MEMBER("mount", "mnt")},
	[MOUNT_ROOT] = {HADAL_MEMBER("mount", "mnt.mnt_root")},
	[MOUNT_PARENT] = {HADAL_MEMBER("mount", "mnt_parent")},
	[MOUNTPOINT] = {HADAL_MEMBER("mount", "mnt_mountpoint")},
	[FILE_PATH] = {HADAL_MEMBER("file", "f_path")},
	[PATH_MOUNT] = {HADAL_MEMBER("path", "mnt")},
	[PATH_DENTRY] = {HADAL_MEMBER("path", "dentry")},
	[SUPER_TYPE] = {HADAL_MEMBER("super_block", "s_type")},
	[TYPE_NAME] = {HADAL_MEMBER("file_system_type", "name")},
	[MAKES_NAME] = {HADAL_MEMBER("dentry_operations", "d_dname")},
	[INODE_NUMBER] = {HADAL_MEMBER("inode", "i_ino")},
	[INODE_PRIVATE] = {HADAL_MEMBER("inode", "i_private")},
	[NAMESPACE_OPERATIONS] = {HADAL_MEMBER("ns_common", "ops"), HADAL_OPTIONAL},
	[NAMESPACE_NAME] = {HADAL_MEMBER("proc_ns_operations", "name"), HADAL_OPTIONAL},
};

struct hadal_paths {
	struct hadal_plan plan;
	struct hadal_object *dentry;
	struct hadal_object *mount;
};

/* A path in the making, filled from its end. */
struct text {
	char *start; /* of the buffer */
	char *at;    /* of what there is already */
};

static int prepend(struct text *text, const char *piece, size_t len)
{
	/* Room is kept for what marks a path that breaks or is cut. */
	if (len > (size_t)(text->at - text->start) - strlen(HADAL_PATH_CUT))
		return -ENAMETOOLONG;
	text->at -= len;
	memcpy(text->at, piece, len);
	return 0;
}

/* Reads the name of the dentry at hand. Returns its length. */
static ssize_t read_name(const struct hadal_paths *paths, char name[NAME_LIMIT])
{
	uint64_t len = hadal_object_value(paths->dentry, NAME_LEN);
	int error;

	if (len > NAME_LIMIT)
		return -EINVAL;
	error = hadal_space_read_exact(paths->plan.space, hadal_object_value(paths->dentry, NAME),
				       name, len);
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
	uint64_t parent = hadal_object_value(paths->mount, MOUNT_PARENT);

	if (parent == *mount)
		return 1;
	*mount = parent;
	*dentry = hadal_object_value(paths->mount, MOUNTPOINT);
	return 0;
}

/* Prepends all names up to the root. mount: address of the struct mount; 0 for the inside only. */
static int walk_up(struct hadal_paths *paths, uint64_t mount, uint64_t dentry, struct text *text)
{
	char *end = text->at;

	if (mount && hadal_object_read(paths->mount, mount))
		return -EFAULT;
	for (int i = 0; i < STEP_LIMIT; i++) {
		uint64_t parent;
		int result;

		if (mount && dentry == hadal_object_value(paths->mount, MOUNT_ROOT)) {
			if (leave_mount(paths, &mount, &dentry))
				return text->at == end ? prepend(text, "/", 1) : 0;
			if (hadal_object_read(paths->mount, mount))
				return -EFAULT;
			continue;
		}
		if (hadal_object_read(paths->dentry, dentry))
			return -EFAULT;
		parent = hadal_object_value(paths->dentry, PARENT);
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
	uint64_t common = hadal_plan_read(&paths->plan, INODE_PRIVATE, inode);
	uint64_t operations = hadal_plan_read(&paths->plan, NAMESPACE_OPERATIONS, common);
	uint64_t at = hadal_plan_read(&paths->plan, NAMESPACE_NAME, operations);

	if (hadal_space_read_string(paths->plan.space, at, name, size) <= 0)
		snprintf(name, size, "?");
}

/*
 * What has no place in any directory makes its name itself (dentry_operations.d_dname); here the
 * file system tells what it would do. 5.10 to 6.8 have pidfds in anon_inodefs, later pidfs.
 */
static int prepend_made_name(const struct hadal_paths *paths, struct text *text)
{
	uint64_t inode = hadal_object_value(paths->dentry, INODE);
	uint64_t number = hadal_plan_read(&paths->plan, INODE_NUMBER, inode);
	uint64_t type = hadal_plan_read(&paths->plan, SUPER_TYPE,
					hadal_object_value(paths->dentry, SUPER_BLOCK));
	char type_name[TYPE_NAME_MAX], name[NAME_LIMIT], made[NAME_LIMIT + TYPE_NAME_MAX];
	ssize_t name_len = read_name(paths, name);
	int len;

	if (name_len < 0)
		return name_len;
	if (hadal_space_read_string(paths->plan.space,
				    hadal_plan_read(&paths->plan, TYPE_NAME, type), type_name,
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
	return hadal_plan_read(&paths->plan, MOUNT_ROOT, mount) == dentry;
}

static int make_text(struct hadal_paths *paths, uint64_t vfsmount, uint64_t dentry,
		     struct text *text)
{
	uint64_t mount = vfsmount ? vfsmount - hadal_plan_offset(&paths->plan, VFSMOUNT) : 0;
	uint64_t operations;
	bool is_root;
	int result = hadal_object_read(paths->dentry, dentry);

	if (result)
		return result;
	is_root = hadal_object_value(paths->dentry, PARENT) == dentry;
	operations = hadal_object_value(paths->dentry, OPERATIONS);
	if (operations && hadal_plan_read(&paths->plan, MAKES_NAME, operations) &&
	    !(is_root && is_mount_root(paths, mount, dentry)))
		return prepend_made_name(paths, text);
	if (!is_root && !hadal_object_value(paths->dentry, HASHED))
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
		if (!result || result == -ENAMETOOLONG)
			break;
		hadal_space_flush(paths->plan.space);
	}
	if (result == -ENAMETOOLONG) {
		text.at -= strlen(HADAL_PATH_CUT);
		memcpy(text.at, HADAL_PATH_CUT, strlen(HADAL_PATH_CUT));
		result = 0;
	} else if (result) {
		*--text.at = '?';
	}
	len = buffer + HADAL_PATH_MAX - 1 - text.at;
	memmove(buffer, text.at, len + 1);
	return result ? result : (ssize_t)len;
}

ssize_t hadal_path_at(struct hadal_paths *paths, uint64_t path, char text[HADAL_PATH_MAX])
{
	uint64_t vfsmount = hadal_plan_read(&paths->plan, PATH_MOUNT, path);

	if (vfsmount)
		return hadal_path_text(paths, vfsmount,
				       hadal_plan_read(&paths->plan, PATH_DENTRY, path), text);
	strcpy(text, "?");
	return -EFAULT;
}

ssize_t hadal_path_of_file(struct hadal_paths *paths, uint64_t file, char text[HADAL_PATH_MAX])
{
	return hadal_path_at(paths, file + hadal_plan_offset(&paths->plan, FILE_PATH), text);
}

struct hadal_paths *hadal_paths_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_paths *paths = calloc(1, sizeof(*paths));

	if (!paths) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!hadal_plan_open(&paths->plan, kernel, needs, NEEDS, error)) {
		paths->dentry = &paths->plan.objects[DENTRY];
		paths->mount = &paths->plan.objects[MOUNT];
		return paths;
	}
	hadal_paths_close(paths);
	return NULL;
}

void hadal_paths_close(struct hadal_paths *paths)
{
	if (!paths)
		return;
	hadal_plan_close(&paths->plan);
	free(paths);
}
