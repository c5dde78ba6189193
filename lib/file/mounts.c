// SPDX-License-Identifier: MIT
/* The mounts of a mount namespace, as mountinfo has them. */
#include "file/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "walk/plan.h"
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

enum need {
	MOUNT,
	ID,
	PARENT,
	MOUNTPOINT,
	ROOT,
	SUPER_BLOCK,
	FLAGS,
	SOURCE,
	GROUP,
	MASTER,
	TREE_FLAGS,     /* from 6.17 on */
	NAMESPACE_TREE, /* from 6.8 on, with the node in it */
	MOUNT_NODE,
	NAMESPACE_LIST, /* up to 6.7, with the link in it */
	MOUNT_LINK,
	MOUNT_VFS,
	SUPER_DEVICE,
	SUPER_FLAGS,
	SUPER_TYPE,
	SUPER_SUBTYPE,
	TYPE_NAME,
	NEEDS
};

static const struct hadal_need needs[NEEDS] = {
	[MOUNT] = {HADAL_OBJECT("mount")},
	[ID] = {HADAL_MEMBER("mount", "mnt_id")},
	[PARENT] = {HADAL_MEMBER("mount", "mnt_parent")},
	[MOUNTPOINT] = {HADAL_MEMBER("mount", "mnt_mountpoint")},
	[ROOT] = {HADAL_MEMBER("mount", "mnt.mnt_root")},
	[SUPER_BLOCK] = {HADAL_MEMBER("mount", "mnt.mnt_sb")},
	[FLAGS] = {HADAL_MEMBER("mount", "mnt.mnt_flags")},
	[SOURCE] = {HADAL_MEMBER("mount", "mnt_devname")},
	[GROUP] = {HADAL_MEMBER("mount", "mnt_group_id")},
	[MASTER] = {HADAL_MEMBER("mount", "mnt_master")},
	[TREE_FLAGS] = {HADAL_MEMBER("mount", "mnt_t_flags"), HADAL_OPTIONAL},
	[NAMESPACE_TREE] = {HADAL_MEMBER("mnt_namespace", "mounts.rb_node"), HADAL_OPTIONAL},
	[MOUNT_NODE] = {HADAL_MEMBER("mount", "mnt_node"), HADAL_WITH(NAMESPACE_TREE)},
	[NAMESPACE_LIST] = {HADAL_MEMBER("mnt_namespace", "list"), HADAL_WITHOUT(NAMESPACE_TREE)},
	[MOUNT_LINK] = {HADAL_MEMBER("mount", "mnt_list"), HADAL_WITHOUT(NAMESPACE_TREE)},
	[MOUNT_VFS] = {HADAL_MEMBER("mount", "mnt")},
	[SUPER_DEVICE] = {HADAL_MEMBER("super_block", "s_dev")},
	[SUPER_FLAGS] = {HADAL_MEMBER("super_block", "s_flags")},
	[SUPER_TYPE] = {HADAL_MEMBER("super_block", "s_type")},
	[SUPER_SUBTYPE] = {HADAL_MEMBER("super_block", "s_subtype"), HADAL_OPTIONAL},
	[TYPE_NAME] = {HADAL_MEMBER("file_system_type", "name")},
};

struct hadal_mounts {
	struct hadal_plan plan;
	struct hadal_paths *paths;
	struct hadal_object *mount;
	/* Of the walk at hand. */
	hadal_mount_visit visit;
	void *ctx;
	size_t *lost;
	char path[HADAL_PATH_MAX], root[HADAL_PATH_MAX], source[HADAL_PATH_MAX];
};

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
	uint32_t device = hadal_plan_read(&mounts->plan, SUPER_DEVICE, super);
	uint64_t flags = hadal_plan_read(&mounts->plan, SUPER_FLAGS, super);
	uint64_t type = hadal_plan_read(&mounts->plan, SUPER_TYPE, super);
	uint64_t subtype = hadal_plan_read(&mounts->plan, SUPER_SUBTYPE, super);
	ssize_t len;

	mount->major = device >> 20;
	mount->minor = device & 0xfffff;
	name_flags(super_flags, flags, flags & SB_RDONLY, mount->super_options);
	len = hadal_space_read_string(mounts->plan.space,
				      hadal_plan_read(&mounts->plan, TYPE_NAME, type), mount->type,
				      sizeof(mount->type) / 2);
	if (len > 0 && subtype) {
		size_t room = sizeof(mount->type) - ++len;

		mount->type[len - 1] = '.';
		if (hadal_space_read_string(mounts->plan.space, subtype, mount->type + len, room) ==
		    (ssize_t)room - 1)
			strcpy(mount->type + sizeof(mount->type) - sizeof(HADAL_PATH_CUT),
			       HADAL_PATH_CUT);
	}
}

static void describe_peers(struct hadal_mounts *mounts, uint64_t flags, struct hadal_mount *mount)
{
	uint64_t tree_flags = hadal_object_value(mounts->mount, TREE_FLAGS);
	bool in_tree = hadal_plan_has(&mounts->plan, TREE_FLAGS);

	mount->unbindable = in_tree ? tree_flags & T_UNBINDABLE : flags & MNT_UNBINDABLE;
	if (in_tree ? tree_flags & T_SHARED : flags & MNT_SHARED)
		mount->shared = hadal_object_value(mounts->mount, GROUP);
	mount->master =
		hadal_plan_read(&mounts->plan, GROUP, hadal_object_value(mounts->mount, MASTER));
}

/* Mount points are looked at from above: where the parent is mounted, and the way from there. */
static void find_paths(struct hadal_mounts *mounts, uint64_t parent)
{
	const struct hadal_object *mount = mounts->mount;
	uint64_t source = hadal_object_value(mount, SOURCE);
	uint64_t vfs = hadal_plan_offset(&mounts->plan, MOUNT_VFS);
	uint64_t root = hadal_object_value(mount, ROOT);
	bool top = parent == mount->address;

	if (hadal_path_text(mounts->paths, parent + vfs,
			    top ? root : hadal_object_value(mount, MOUNTPOINT), mounts->path) < 0)
		(*mounts->lost)++;
	if (hadal_path_text(mounts->paths, 0, root, mounts->root) < 0)
		(*mounts->lost)++;
	strcpy(mounts->source, "none");
	if (source && hadal_space_read_string(mounts->plan.space, source, mounts->source,
					      sizeof(mounts->source)) < 0)
		(*mounts->lost)++;
}

static int visit_mount(struct hadal_mounts *mounts, uint64_t address)
{
	struct hadal_mount mount = {
		.mount = address,
		.path = mounts->path,
		.root = mounts->root,
		.source = mounts->source,
	};
	int error = hadal_object_read(mounts->mount, address);
	uint64_t flags, parent;

	if (error)
		return error;
	flags = hadal_object_value(mounts->mount, FLAGS);
	parent = hadal_object_value(mounts->mount, PARENT);
	if (!parent)
		return -EINVAL;
	mount.id = hadal_object_value(mounts->mount, ID);
	mount.parent = hadal_plan_read(&mounts->plan, ID, parent);
	name_flags(mount_flags, flags, flags & MNT_READONLY, mount.options);
	describe_super_block(mounts, hadal_object_value(mounts->mount, SUPER_BLOCK), &mount);
	describe_peers(mounts, flags, &mount);
	find_paths(mounts, parent);
	return mounts->visit(mounts->ctx, &mount);
}

static int visit_link(void *ctx, uint64_t node, struct hadal_links *links)
{
	struct hadal_mounts *mounts = ctx;
	uint64_t address = node - hadal_plan_offset(&mounts->plan, MOUNT_LINK);
	uint64_t flags;

	if (hadal_space_read_exact(mounts->plan.space, node, links, sizeof(*links)))
		return -EFAULT;
	flags = hadal_plan_read(&mounts->plan, FLAGS, address);
	return flags & MNT_CURSOR ? 0 : visit_mount(mounts, address);
}

static int visit_node(void *ctx, uint64_t node)
{
	struct hadal_mounts *mounts = ctx;

	return visit_mount(mounts, node - hadal_plan_offset(&mounts->plan, MOUNT_NODE));
}

int hadal_mounts_of(struct hadal_mounts *mounts, uint64_t mnt_namespace, hadal_mount_visit visit,
		    void *ctx, size_t *lost, struct hadal_error *error)
{
	const struct hadal_plan *plan = &mounts->plan;
	int result;

	mounts->visit = visit;
	mounts->ctx = ctx;
	mounts->lost = lost;
	if (hadal_plan_has(plan, NAMESPACE_TREE))
		return hadal_tree_walk(plan->kernel,
				       mnt_namespace + hadal_plan_offset(plan, NAMESPACE_TREE),
				       MOUNT_LIMIT, visit_node, mounts, lost, error);
	result = hadal_list_walk(mounts->plan.space,
				 mnt_namespace + hadal_plan_offset(plan, NAMESPACE_LIST),
				 MOUNT_LIMIT, visit_link, mounts, lost);
	if (result < 0)
		return hadal_fail(error, -result, "Cannot read the mounts of a namespace: %s",
				  strerror(-result));
	return result;
}

static int open_mounts(struct hadal_mounts *mounts, struct hadal_kernel *kernel,
		       struct hadal_error *error)
{
	int result = hadal_plan_open(&mounts->plan, kernel, needs, NEEDS, error);

	if (result)
		return result;
	mounts->mount = &mounts->plan.objects[MOUNT];
	mounts->paths = hadal_paths_open(kernel, error);
	return mounts->paths ? 0 : -ENOENT;
}

struct hadal_mounts *hadal_mounts_open(struct hadal_kernel *kernel, struct hadal_error *error)
{
	struct hadal_mounts *mounts = calloc(1, sizeof(*mounts));

	if (!mounts) {
		hadal_fail(error, ENOMEM, "Out of memory");
		return NULL;
	}
	if (!open_mounts(mounts, kernel, error))
		return mounts;
	hadal_mounts_close(mounts);
	return NULL;
}

void hadal_mounts_close(struct hadal_mounts *mounts)
{
	if (!mounts)
		return;
	hadal_paths_close(mounts->paths);
	hadal_plan_close(&mounts->plan);
	free(mounts);
}
