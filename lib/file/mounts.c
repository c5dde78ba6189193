// SPDX-License-Identifier: MIT
#include "file/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk/object.h"
#include "walk/tree.h"

/* fs.mount-max is 100,000 unless it was raised. */
#define MOUNT_LIMIT (1u << 20)

/* Bits of vfsmount.mnt_flags, include/linux/mount.h. */
#define MNT_READONLY   0x40u
#define MNT_SHARED     0x1000u
#define MNT_UNBINDABLE 0x2000u
/* Marks the place of a reader of /proc/PID/mounts in the list, 5.8 to 6.7. */
#define MNT_CURSOR 0x10000000u
/* Bits of mount.mnt_t_flags, fs/mount.h, which has those two of above from 6.17 on. */
#define T_SHARED     0x1u
#define T_UNBINDABLE 0x2u
/* Bit of super_block.s_flags, include/linux/fs.h. */
#define SB_RDONLY 0x1u

struct flag_name {
	uint32_t flag;
	const char *name;
};

/* In the order of /proc/PID/mountinfo. */
static const struct flag_name mount_flags[] = {
	{0x01, "nosuid"},     {0x02, "nodev"},    {0x04, "noexec"},      {0x08, "noatime"},
	{0x10, "nodiratime"}, {0x20, "relatime"}, {0x80, "nosymfollow"}, {0, NULL},
};
static const struct flag_name super_flags[] = {
	{1u << 4, "sync"}, {1u << 7, "dirsync"}, {1u << 6, "mand"}, {1u << 25, "lazytime"},
	{0, NULL},
};

enum mount_field {
	ID,
	PARENT,
	MOUNTPOINT,
	ROOT,
	SUPER_BLOCK,
	FLAGS,
	SOURCE,
	GROUP,
	MASTER,
	TREE_FLAGS, /* from 6.17 on */
	MOUNT_FIELDS
};

static const struct hadal_field_request mount_requests[MOUNT_FIELDS] = {
	[ID] = {"mount", {"mnt_id"}, false},
	[PARENT] = {"mount", {"mnt_parent"}, false},
	[MOUNTPOINT] = {"mount", {"mnt_mountpoint"}, false},
	[ROOT] = {"mount", {"mnt.mnt_root"}, false},
	[SUPER_BLOCK] = {"mount", {"mnt.mnt_sb"}, false},
	[FLAGS] = {"mount", {"mnt.mnt_flags"}, false},
	[SOURCE] = {"mount", {"mnt_devname"}, false},
	[GROUP] = {"mount", {"mnt_group_id"}, false},
	[MASTER] = {"mount", {"mnt_master"}, false},
	[TREE_FLAGS] = {"mount", {"mnt_t_flags"}, true},
};

enum other_field {
	NAMESPACE_LIST, /* up to 6.7 */
	NAMESPACE_TREE, /* from 6.8 on */
	MOUNT_LINK,     /* in the one or the other */
	MOUNT_NODE,
	MOUNT_ID,
	MOUNT_GROUP,
	MOUNT_VFS,
	SUPER_DEVICE,
	SUPER_FLAGS,
	SUPER_TYPE,
	SUPER_SUBTYPE,
	TYPE_NAME,
	OTHER_FIELDS
};

static const struct hadal_field_request other_requests[OTHER_FIELDS] = {
	[NAMESPACE_LIST] = {"mnt_namespace", {"list"}, true},
	[NAMESPACE_TREE] = {"mnt_namespace", {"mounts.rb_node"}, true},
	[MOUNT_LINK] = {"mount", {"mnt_list"}, true},
	[MOUNT_NODE] = {"mount", {"mnt_node"}, true},
	[MOUNT_ID] = {"mount", {"mnt_id"}, false},
	[MOUNT_GROUP] = {"mount", {"mnt_group_id"}, false},
	[MOUNT_VFS] = {"mount", {"mnt"}, false},
	[SUPER_DEVICE] = {"super_block", {"s_dev"}, false},
	[SUPER_FLAGS] = {"super_block", {"s_flags"}, false},
	[SUPER_TYPE] = {"super_block", {"s_type"}, false},
	[SUPER_SUBTYPE] = {"super_block", {"s_subtype"}, true},
	[TYPE_NAME] = {"file_system_type", {"name"}, false},
};

struct hadal_mounts {
	struct hadal_kernel *kernel;
	struct hadal_space *space;
	struct hadal_paths *paths;
	struct hadal_field mount_fields[MOUNT_FIELDS];
	struct hadal_field other[OTHER_FIELDS];
	struct hadal_object mount;
	/* Of the walk at hand. */
	hadal_mount_visit visit;
	void *ctx;
	size_t *lost;
	char path[HADAL_PATH_MAX], root[HADAL_PATH_MAX], source[HADAL_PATH_MAX];
};

static uint64_t other_value(const struct hadal_mounts *mounts, enum other_field field,
			    uint64_t address)
{
	return hadal_field_read(mounts->space, &mounts->other[field], address);
}

static void name_flags(const struct flag_name *names, uint64_t flags, bool read_only,
		       char words[HADAL_MOUNT_WORDS_MAX])
{
	int len = sprintf(words, "%s", read_only ? "ro" : "rw");

	for (; names->name; names++)
		if (flags & names->flag)
			len += sprintf(words + len, ",%s", names->name);
}

static void describe_super_block(struct hadal_mounts *mounts, uint64_t super,
				 struct hadal_mount *mount)
{
	uint32_t device = other_value(mounts, SUPER_DEVICE, super);
	uint64_t flags = other_value(mounts, SUPER_FLAGS, super);
	uint64_t type = other_value(mounts, SUPER_TYPE, super);
	uint64_t subtype = other_value(mounts, SUPER_SUBTYPE, super);
	ssize_t len;

	mount->major = device >> 20;
	mount->minor = device & 0xfffff;
	name_flags(super_flags, flags, flags & SB_RDONLY, mount->super_options);
	len = hadal_space_read_string(mounts->space, other_value(mounts, TYPE_NAME, type),
				      mount->type, sizeof(mount->type) / 2);
	if (len > 0 && subtype) {
		mount->type[len++] = '.';
		hadal_space_read_string(mounts->space, subtype, mount->type + len,
					sizeof(mount->type) - len);
	}
}

static void describe_peers(struct hadal_mounts *mounts, uint64_t flags, struct hadal_mount *mount)
{
	uint64_t tree_flags = hadal_object_value(&mounts->mount, TREE_FLAGS);
	bool in_tree = mounts->mount_fields[TREE_FLAGS].size;

	mount->unbindable = in_tree ? tree_flags & T_UNBINDABLE : flags & MNT_UNBINDABLE;
	if (in_tree ? tree_flags & T_SHARED : flags & MNT_SHARED)
		mount->shared = hadal_object_value(&mounts->mount, GROUP);
	mount->master =
		other_value(mounts, MOUNT_GROUP, hadal_object_value(&mounts->mount, MASTER));
}

/* Mount points are looked at from above: where the parent is mounted, and the way from there. */
static void find_paths(struct hadal_mounts *mounts, uint64_t parent)
{
	const struct hadal_object *mount = &mounts->mount;
	uint64_t source = hadal_object_value(mount, SOURCE);
	uint64_t vfs = mounts->other[MOUNT_VFS].offset;
	uint64_t root = hadal_object_value(mount, ROOT);
	bool top = parent == mount->address;

	if (hadal_path_text(mounts->paths, parent + vfs,
			    top ? root : hadal_object_value(mount, MOUNTPOINT), mounts->path) < 0 ||
	    hadal_path_text(mounts->paths, 0, root, mounts->root) < 0)
		(*mounts->lost)++;
	if (hadal_space_read_string(mounts->space, source, mounts->source,
				    sizeof(mounts->source)) <= 0)
		strcpy(mounts->source, "none");
}

static int visit_mount(struct hadal_mounts *mounts, uint64_t address)
{
	struct hadal_mount mount = {
		.mount = address,
		.path = mounts->path,
		.root = mounts->root,
		.source = mounts->source,
	};
	int error = hadal_object_read(&mounts->mount, address);
	uint64_t flags, parent;

	if (error)
		return error;
	flags = hadal_object_value(&mounts->mount, FLAGS);
	parent = hadal_object_value(&mounts->mount, PARENT);
	if (!parent)
		return -EINVAL;
	mount.id = hadal_object_value(&mounts->mount, ID);
	mount.parent = other_value(mounts, MOUNT_ID, parent);
	name_flags(mount_flags, flags, flags & MNT_READONLY, mount.options);
	describe_super_block(mounts, hadal_object_value(&mounts->mount, SUPER_BLOCK), &mount);
	describe_peers(mounts, flags, &mount);
	find_paths(mounts, parent);
	return mounts->visit(mounts->ctx, &mount);
}

static int visit_link(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct hadal_mounts *mounts = ctx;
	uint64_t address = node - mounts->other[MOUNT_LINK].offset;
	uint64_t flags;

	if (hadal_space_read_exact(mounts->space, node, links, sizeof(*links)))
		return -EFAULT;
	flags = hadal_field_read(mounts->space, &mounts->mount_fields[FLAGS], address);
	return flags & MNT_CURSOR ? 0 : visit_mount(mounts, address);
}

static int visit_node(void *ctx, uint64_t node)
{
	struct hadal_mounts *mounts = ctx;

	return visit_mount(mounts, node - mounts->other[MOUNT_NODE].offset);
}

int hadal_mounts_of(struct hadal_mounts *mounts, uint64_t mnt_namespace, hadal_mount_visit visit,
		    void *ctx, size_t *lost, struct hadal_error *error)
{
	const struct hadal_field *other = mounts->other;
	int result;

	mounts->visit = visit;
	mounts->ctx = ctx;
	mounts->lost = lost;
	if (other[NAMESPACE_TREE].size)
		return hadal_tree_walk(mounts->kernel, mnt_namespace + other[NAMESPACE_TREE].offset,
				       MOUNT_LIMIT, visit_node, mounts, lost, error);
	result = hadal_list_walk(mounts->space, mnt_namespace + other[NAMESPACE_LIST].offset,
				 MOUNT_LIMIT, visit_link, mounts, lost);
	if (result < 0)
		return hadal_fail(error, -result, "Cannot read the mounts of a namespace: %s",
				  strerror(-result));
	return result;
}

static int open_mounts(struct hadal_mounts *mounts, struct hadal_error *error)
{
	const struct hadal_field *other = mounts->other;
	int result = hadal_kernel_fields(mounts->kernel, mount_requests, MOUNT_FIELDS,
					 mounts->mount_fields, error);

	if (!result)
		result = hadal_kernel_fields(mounts->kernel, other_requests, OTHER_FIELDS,
					     mounts->other, error);
	if (result)
		return result;
	if (!(other[NAMESPACE_TREE].size && other[MOUNT_NODE].size) &&
	    !(other[NAMESPACE_LIST].size && other[MOUNT_LINK].size))
		return hadal_fail(error, ENOENT,
				  "This kernel's mnt_namespace has neither a list nor a tree of "
				  "mounts; its version is not one that Hadal knows");
	result = hadal_object_init(&mounts->mount, mounts->space, mounts->mount_fields,
				   MOUNT_FIELDS, "struct mount", error);
	if (result)
		return result;
	mounts->paths = hadal_paths_open(mounts->kernel, error);
	return mounts->paths ? 0 : -ENOENT;
}

struct hadal_mounts *hadal_mounts_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_mounts *mounts = calloc(1, sizeof(*mounts));

	if (!mounts) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	mounts->kernel = kernel;
	mounts->space = hadal_kernel_space(kernel);
	if (!open_mounts(mounts, error))
		return mounts;
	hadal_mounts_close(mounts);
	return NULL;
}

void hadal_mounts_close(struct hadal_mounts *mounts)
{
	if (!mounts)
		return;
	hadal_paths_close(mounts->paths);
	hadal_object_free(&mounts->mount);
	free(mounts);
}
